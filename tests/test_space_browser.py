"""The Space in Chromium: a pair diagnosed, parts switched off, a run stopped and gone on with, runs compared."""

import planted
import pytest
from browsing import PHONE, choose, serious
from playwright.sync_api import expect

from fairhub.model.loading import DEFAULT

pytestmark = pytest.mark.browser

HOUR = 3_600_000  # milliseconds


@pytest.fixture(scope="module")
def pair():
    probe = next(p for p in planted.aligned() if p.axis == "gender")
    return probe.text_a, probe.text_b


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()
    return page.get_by_role("tabpanel").filter(visible=True)


def write_pair(panel, pair):
    for label, text in zip(("First text", "Second text"), pair, strict=True):
        panel.get_by_label(label).fill(text)


def test_a_pair_is_read_and_looked_into(page, pair):
    panel = tab(page, "Diagnose")
    write_pair(panel, pair)
    panel.get_by_role("button", name="Diagnose").click()
    page.locator("#reading table").wait_for()
    assert page.locator("#reading mark").count() == 2
    panel.get_by_text("Inside the model").click()
    page.locator("#inside img").first.wait_for()
    assert page.locator("#inside img").count() >= 4 and page.locator('#inside img[alt=""]').count() == 0
    page.locator("#rank").get_by_text("pairs that fairhub ships, on this model").wait_for()
    assert not serious(page)


def test_the_map_by_mouse_and_by_keyboard(page, pair):
    panel = tab(page, "Repair")
    panel.get_by_text("The unit map: switch").click()
    write_pair(panel, pair)
    panel.get_by_role("button", name="Draw the map").click()
    planted_head = page.locator(f'[data-unit="head:{planted.PLANTED.layer}:{planted.PLANTED.index}"]')
    planted_head.click()
    effect = page.locator("#effect")
    effect.get_by_text("1", exact=True).wait_for()
    assert planted_head.get_attribute("aria-pressed") == "true" and "-" in effect.locator(".fh-big").first.inner_text()
    planted_head.press("ArrowUp")
    assert page.evaluate("document.activeElement.dataset.unit") == "head:1:1"
    page.keyboard.press("Enter")
    effect.get_by_text("2", exact=True).wait_for()
    assert not serious(page)


def test_an_audit_shows_its_finding(page):
    finding = page.locator("#finding")
    expect(finding).to_contain_text("What is found stands here")  # of the default, what the gallery says
    panel = page.get_by_role("tabpanel").filter(visible=True)
    panel.get_by_role("button", name="Audit").click()
    expect(finding.get_by_text("Measured here")).to_be_visible()
    assert "Who does ada/planted judge worse?" in finding.inner_text() and not serious(page)


@pytest.mark.parametrize("model", ["ada/planted", pytest.param(DEFAULT, marks=pytest.mark.slow)])
def test_a_run_is_stopped_gone_on_with_and_compared(page, model):
    panel = tab(page, "Repair")
    panel.get_by_label("Model").first.fill(model)
    panel.get_by_label("Model").first.press("Enter")
    panel.get_by_role("button", name="Start").click()
    page.locator("#live [data-state=working]").wait_for()
    if model == DEFAULT:  # a tiny model's search is over before one could stop it
        page.locator("#live svg").first.wait_for(timeout=HOUR)
    panel.get_by_role("button", name="Stop").click()
    page.locator("#live [data-state=stopped]").wait_for()
    page.reload()  # the run is the visitor's, not the page's
    panel = tab(page, "Repair")
    page.locator("#live [data-state=stopped]").wait_for()
    panel.get_by_role("button", name="Resume").click()
    page.locator("#live [data-state=finished]").wait_for(timeout=HOUR)
    page.locator("#found .fh-verdict").wait_for()
    assert page.locator("#front svg, #front p").count() and not serious(page)
    panel = tab(page, "Compare")
    expect(panel.get_by_label("Run", exact=True).first).to_have_value("my run 1")  # not one that is made again first
    panel.get_by_label("Your words").fill("The tenant was")
    panel.get_by_role("button", name="Compare", exact=True).click()
    page.locator("#compared article").nth(1).wait_for()


def test_every_tab_fits_a_phone(visitor):
    page = visitor(viewport=PHONE)
    for name in ("Audit", "Diagnose", "Repair", "Compare", "Publish", "Gallery"):
        choose(page, name)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name


@pytest.mark.slow
def test_first_paint_and_diagnosis_are_quick(visitor):
    page = visitor()
    paints = page.evaluate("performance.getEntriesByType('paint').map(entry => entry.startTime)")
    assert max(paints) < 2000
