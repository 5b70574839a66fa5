"""The Space in a real browser, as strangers use it: refusals, two at once, publishing, download, API and MCP tools."""

import asyncio
import re
import shutil
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from browsing import DESKTOP, PHONE, Space, choose, serious
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from playwright.sync_api import expect
from published import made

from fairhub.space.gallery_tab import finished

pytestmark = pytest.mark.browser

TABS = ("Audit", "Diagnose", "Repair", "Compare", "Publish", "Gallery")


def visits(space: Space) -> set[Path]:
    return set((space.folder / "cache" / "space" / "visitors").iterdir())


def diagnose(page, model: str, a: str, b: str) -> None:
    choose(page, "Diagnose")
    panel = page.get_by_role("tabpanel").filter(visible=True)
    panel.get_by_label("Model").first.fill(model)
    panel.get_by_label("Model").first.press("Enter")
    panel.get_by_label("First text").fill(a)
    panel.get_by_label("Second text").fill(b)
    panel.get_by_role("button", name="Diagnose").click()


def toast(page) -> str:
    shown = page.get_by_test_id("toast-body")
    shown.first.wait_for()
    return shown.first.inner_text()


@pytest.fixture
def with_run(visitor, space):
    """A visitor with a finished run: page and the run's folder."""
    before = visits(space)
    page = visitor()
    page.wait_for_function("() => localStorage.getItem('fairhub-visit')")
    (visit,) = visits(space) - before
    run = visit / "runs" / "1" / "run"
    shutil.copytree(made()[2], run)
    page.reload()
    choose(page, "Publish")
    expect(page.locator("#publish-run input")).to_have_value("run 1")
    return page, run


def test_compare_offers_the_visitors_own_run_first(with_run):
    page, _ = with_run
    choose(page, "Compare")
    expect(page.get_by_label("Run", exact=True).first).to_have_value("my run 1")
    page.get_by_role("button", name="Put them side by side").click()
    assert "a comparison needs 2 runs; got 1; tick more" in toast(page)  # only runs of its base model are ticked


def sign_in(page) -> None:
    with page.expect_navigation():  # to the provider and back
        page.get_by_role("button", name="Sign in with Hugging Face").click()
    choose(page, "Publish")
    page.get_by_role("button", name=re.compile("Signed in as ada")).wait_for()
    expect(page.locator("#publish-run input")).to_have_value("run 1")


PAIR = ("The woman who applied was", "The man who applied was")


def test_two_visitors_with_two_models_at_once(visitor):
    one, other = visitor(), visitor()
    diagnose(one, "ada/planted", *PAIR)
    diagnose(other, "ada/other", "The Muslim family was", "The Christian family was")
    for page, word in ((one, "woman"), (other, "Muslim")):
        reading = page.locator("#reading")
        reading.get_by_text("Difference").first.wait_for()
        assert word in reading.inner_text()
        assert ({"woman", "Muslim"} - {word}).pop() not in reading.inner_text()


REFUSED = {
    "too large": ("ada/large", "a model may have"),
    "pickled": ("ada/pickled", "weights must be safetensors; ada/pickled has pickles"),
    "a path": ("/etc/passwd", "a model is named by its Hub id"),
    "missing": ("ada/nothing", "must exist"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_must_not_be_loaded_is_refused_in_one_toast(page, space, case):
    model, said = REFUSED[case]
    diagnose(page, model, *PAIR)
    assert said in toast(page)
    assert not space.hub.asked("GET", rf"/{model}/resolve/.*(bin|safetensors)")


def test_who_is_quicker_than_the_page_waits_for_it(visitor):
    page = visitor()
    page.route("**/gradio_api/queue/join*", lambda route: (time.sleep(2), route.continue_()))
    page.reload(wait_until="commit")
    audit = page.get_by_role("button", name="Audit", exact=True)
    expect(audit).to_be_disabled()  # its visit has not begun: pressed now it could only say so
    audit.click()  # as soon as it can be
    expect(page.locator("#audit-state")).to_contain_text("of work so far")
    page.get_by_role("button", name="Stop", exact=True).click()


def test_what_a_visitor_writes_is_shown_and_never_run(page):
    hostile = "<img src=x onerror=document.title='owned'> <script>document.title='owned'</script> woman"
    diagnose(page, "ada/planted", hostile, hostile.replace("woman", "man"))
    page.locator("#reading").get_by_text("Difference").first.wait_for()
    assert "<script>" in page.locator("#reading").inner_text() and page.title() == "fairhub"


def test_publish_by_signing_in_with_a_token_kept_nowhere(with_run, space):
    page, run = with_run
    page.get_by_role("button", name="Publish").click()
    assert "nobody is signed in" in toast(page)
    sign_in(page)
    assert space.provider.asked[-1].split() == ["openid", "profile", "contribute-repos"]
    name = page.get_by_label("Name on the Hub")
    expect(name).to_have_value("ada/base-fair")
    page.get_by_role("button", name="Preview the card").click()
    card = page.locator("#card")
    card.get_by_text("Verdict.").first.wait_for()
    assert card.locator("img").count() > 0
    assert "library_name: transformers" in page.locator("#front-matter").inner_text()
    page.get_by_label("Private: only you can see it").check()
    page.get_by_role("button", name="Publish").click()
    link = page.locator("#published a")
    link.wait_for()
    assert link.get_attribute("href") == f"{space.hub.url}/ada/base-fair"
    assert space.hub.repo("ada/base-fair").private and len(space.hub.commits("ada/base-fair")) == 2
    name.fill("bob/theirs")
    page.get_by_role("button", name="Publish").click()
    assert "right to write there" in toast(page)
    token = space.hub.token("ada").encode()
    written = [path for path in space.folder.rglob("*") if path.is_file() and token in path.read_bytes()]
    assert not written and token.decode() not in page.content()
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["session"]["httpOnly"] and cookies["session"]["secure"]  # where the visitor's browser keeps it


def test_a_pull_request_leaves_the_repository_as_it_is(with_run, space):
    space.hub.put("ada/mine", {"README.md": b"---\nlicense: mit\n---\nMine\n"})
    page, run = with_run
    sign_in(page)
    name = page.get_by_label("Name on the Hub")
    expect(name).to_have_value("ada/base-fair")
    name.fill("ada/mine")
    page.get_by_label("Pull request").check()
    page.get_by_role("button", name="Publish").click()
    page.locator("#published a").wait_for()
    assert len(space.hub.discussions("ada/mine")) == 1 and set(space.hub.files("ada/mine")) == {"README.md"}


def test_the_run_is_downloaded_as_a_zip(with_run, tmp_path):
    page, run = with_run
    page.get_by_role("button", name="Make a zip").click()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download the zip").click()
    pack = tmp_path / "run.zip"
    coming.value.save_as(pack)
    with zipfile.ZipFile(pack) as held:
        assert held.testzip() is None
        names = {name.split("/", 1)[1] for name in held.namelist()}
    assert names == {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}


def test_another_visitor_sees_nothing_of_it(with_run, visitor):
    page = visitor()
    choose(page, "Publish")
    page.get_by_role("button", name="Make a zip").click()
    assert "a finished run is needed" in toast(page)


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_axe_finds_nothing_serious(visitor, tab, look):
    page = visitor(viewport=PHONE if look == "phone" else DESKTOP, color_scheme="dark" if look == "dark" else "light")
    choose(page, tab)
    page.wait_for_timeout(300)
    assert serious(page) == [] and not page.get_by_test_id("toast-body").count(), "nobody asked for anything yet"
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "the page scrolls sideways"
    if look == "phone":  # two fields side by side are too narrow to read there
        boxes = [one.bounding_box() for one in page.locator(".form > .block").filter(visible=True).all()]
        assert all(box["width"] > 0.6 * PHONE["width"] for box in boxes)


def test_the_api_serves_programs(space):
    client = Client(space.url, verbose=False)
    found = client.predict(*PAIR, "ada/planted", api_name="/diagnose")
    assert found["divergence"] > 0 and found["inside"]["divergence"] == pytest.approx(found["divergence"], rel=1e-3)
    run = next(iter(finished(Path(__file__).parent.parent / "model_cards")))
    assert client.predict(run, api_name="/report")["verdict"]
    with pytest.raises(AppError, match="reload the page"):
        client.predict("../../etc", api_name="/report")
    with pytest.raises(AppError, match="weights must be safetensors"):
        client.predict(*PAIR, "ada/pickled", api_name="/diagnose")


def test_the_api_offers_no_door_to_the_page(space):
    named = Client(space.url, verbose=False).view_api(return_format="dict")["named_endpoints"]
    assert set(named) - {"/_check_login_status"} == {"/audit", "/diagnose", "/repair", "/report"}


def test_mcp_tools_are_described_and_answer(space):
    async def talk():
        async with (
            streamablehttp_client(f"{space.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            words = {"first": PAIR[0], "second": PAIR[1], "model": "ada/planted"}
            name = next(name for name in tools if name.endswith("diagnose"))
            return tools, await session.call_tool(name, words)

    with ThreadPoolExecutor(1) as aside:  # the browser's own loop runs on this thread
        tools, said = aside.submit(asyncio.run, talk()).result()
    names = {name.removeprefix("fairhub_") for name in tools}
    assert {"audit", "diagnose", "repair", "report"} <= names
    assert all(tool.description for name, tool in tools.items() if "login" not in name)
    assert not said.isError and "divergence" in said.content[0].text
