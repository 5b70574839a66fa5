"""The Space in a process of its own, beside a Hub and a sign-in; and Chromium pages that fail on what should not be."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import planted
import pytest
from hub_server import HubServer
from oauth_provider import Provider

ROOT = Path(__file__).parent.parent
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
_PATIENCE = 240_000  # milliseconds: a loaded machine is slow, not broken
_LIMIT = 4_000_000  # bytes of weights that this Space loads at most
_ALLOWED = {"127.0.0.1", "localhost"}
_LEFT = ("AbortError: signal is aborted", "Unexpected error Connection errored out")  # a page left while it waited


@dataclass
class Space:
    """A Space that runs, and the places that it writes to."""

    url: str
    hub: HubServer
    provider: Provider
    folder: Path
    """All that it writes lies below: home, cache, visitors' folders, its log."""
    process: subprocess.Popen

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()


@contextmanager
def running(folder: Path, hub: HubServer, provider: Provider, *, on_hub: bool = True, **more: str) -> Iterator[Space]:
    """Run space_app.py as a Space (`on_hub`) or as `make space` does, until the `with` block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "tmp").mkdir(parents=True)
    told = hub.environment(None, home=folder / "home") | (provider.environment() if on_hub else {})
    told |= {"TMPDIR": str(folder / "tmp"), "FAIRHUB_CACHE": str(folder / "cache")}
    told |= {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    told |= {"FAIRHUB_SPACE_BYTES": str(_LIMIT)}
    told |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    url = f"http://127.0.0.1:{port}"
    with (folder / "log.txt").open("w") as log:
        words = [sys.executable, "-u", str(ROOT / "tests" / "space_server.py")]
        process = subprocess.Popen(words, env=told | more, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    space = Space(url, hub, provider, folder, process)
    try:
        _wait(space)
        yield space
    finally:
        process.terminate()
        process.wait(30)


def _wait(space: Space, seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and space.process.poll() is None:
        try:
            urllib.request.urlopen(space.url, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the Space did not start:\n{space.log[-4000:]}")


def stock_(hub: HubServer, folder: Path) -> None:
    """Put models on the Hub: small ones that can be repaired, one of pickles, and one that is too large."""
    own = planted.of_made_up()
    models = {"planted": (planted.planted_model(),), "other": (planted.planted_model("qwen2"),), "own": own}
    for name, model in models.items():
        place = planted.save(model[0], folder / name, *model[1:])
        hub.put(f"ada/{name}", {path.name: path.read_bytes() for path in place.iterdir()})
    pickled = {name: data for name, data in hub.files("ada/planted").items() if not name.endswith(".safetensors")}
    hub.put("ada/pickled", pickled | {"pytorch_model.bin": b"\x80\x04."})
    hub.put("ada/large", pickled | {"model.safetensors": bytes(_LIMIT + 1)})


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """One Space for all browser tests; its visitors know nothing of each other."""
    folder = tmp_path_factory.mktemp("space")
    with HubServer(folder / "hub") as hub, Provider(hub) as provider:
        stock_(hub, folder / "models")
        with running(folder / "space", hub, provider) as there:
            yield there


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser; tests that need it are skipped where it is not installed."""
    sync = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    sync.expect.set_options(timeout=_PATIENCE)
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a page did that it should not have."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def listen_(self, page: Any) -> None:
        page.on("console", lambda said: said.type == "error" and self.hear(said.text))
        page.on("pageerror", lambda error: self.hear(str(error)))
        page.on("request", lambda sent: self.ask(sent.url))

    def hear(self, error: str) -> None:
        if not error.startswith(_LEFT):
            self.errors.append(error)

    def ask(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in _ALLOWED:
            self.outside.append(url)


@pytest.fixture
def visitor(chromium: Any, space: Space) -> Iterator[Callable[..., Any]]:
    """Opens the Space as a new visitor; no page may log an error or ask another host for anything."""
    watch, contexts = Watch(), []

    def open_(**options: Any) -> Any:
        context = chromium.new_context(**{"viewport": DESKTOP} | options)
        context.set_default_timeout(_PATIENCE)
        contexts.append(context)
        page = context.new_page()
        watch.listen_(page)
        page.goto(space.url)
        page.get_by_role("tab").first.wait_for()
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not watch.errors and not watch.outside


@pytest.fixture
def page(visitor: Callable[..., Any]) -> Any:
    """The Space as one visitor sees it on a desktop."""
    return visitor()


def serious(page: Any) -> list[str]:
    """What axe finds serious or critical on the page as it stands."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in ("serious", "critical")]


def choose(page: Any, tab: str) -> None:
    """Go to a tab, wherever the width of the page has put it."""
    expect = pytest.importorskip("playwright.sync_api").expect
    found, more = page.get_by_role("tab", name=tab), page.locator(".overflow-menu > button")
    expect(found.or_(more).locator("visible=true").first).to_be_visible()  # the page may still be laying itself out
    if not found.is_visible():  # a narrow page folds the last tabs away
        more.click()
        found = page.locator(".overflow-dropdown button", has_text=tab)
    found.click()
