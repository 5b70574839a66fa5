"""From the first page to a published repair by keyboard alone, for groups of made-up terms; a finding passed on."""

import re
from urllib.parse import parse_qs, urlsplit

import planted
import pytest
from browsing import serious
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

GROUPS = "\n".join(f"{group}: {', '.join(terms)}" for group, terms in planted.MADE_UP.items())
BOX = "nurses: nurse, male nurse"
_FAR = 250
"""Stops of the Tab key that anything is away at most."""


class Keys:
    """Uses a page as who has no mouse."""

    def __init__(self, page):
        self.page = page

    def reach(self, target):
        """Press Tab until this has the focus, and be sure that one sees where it is."""
        expect(target).to_be_visible()
        for _ in range(_FAR):
            if target.evaluate("found => found === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the Tab key never comes to {target}")

    def press(self, target, key="Enter"):
        self.reach(target)
        self.page.keyboard.press(key)

    def write(self, target, text):
        self.reach(target)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def tab(self, name):
        """Go to a tab of the Space; return its panel."""
        self.press(self.page.get_by_role("tab", name=name, exact=True))
        return self.page.get_by_role("tabpanel").filter(visible=True)

    def ask(self, panel, model, groups):
        """Name a model and groups of one's own in a panel."""
        self.write(panel.get_by_label("Model").first, model)
        self.page.keyboard.press("Enter")
        self.press(panel.get_by_role("button", name="Groups and pairs of your own"))
        self.write(panel.get_by_placeholder(BOX), groups)


def test_made_up_terms_from_audit_to_a_published_repair_by_keyboard_alone(page, space):
    keys = Keys(page)
    panel = page.get_by_role("tabpanel").filter(visible=True)
    keys.ask(panel, "ada/own", GROUPS)
    keys.press(panel.get_by_role("button", name="Audit", exact=True))
    finding = page.locator("#finding")
    expect(finding.get_by_text("Measured here just now, whole.")).to_be_visible()
    assert re.search(r"In \d+ of \d+ comparisons of a group with the others the model", finding.inner_text())
    assert all(group in finding.inner_text() for group in planted.MADE_UP) and not serious(page)

    panel = keys.tab("Repair")
    keys.ask(panel, "ada/own", GROUPS)
    keys.press(panel.get_by_role("button", name="Start"))
    page.locator("#live [data-state=finished]").wait_for()
    front = page.locator("#front")
    front.locator("svg").wait_for()
    assert front.locator("article").count() >= 4
    before, slider = front.inner_text(), panel.get_by_role("slider", name="Candidate")
    keys.press(slider, "ArrowLeft" if slider.input_value() != "1" else "ArrowRight")
    expect(front).not_to_have_text(before, use_inner_text=True)
    assert not serious(page)

    panel = keys.tab("Publish")
    with page.expect_navigation():
        keys.press(panel.get_by_role("button", name="Sign in with Hugging Face"))
    panel = keys.tab("Publish")
    page.get_by_role("button", name=re.compile("Signed in as ada")).wait_for()
    name = panel.get_by_label("Name on the Hub")
    expect(name).to_have_value(re.compile(r"ada/own-(fair|pruned)"))
    keys.press(panel.get_by_role("button", name="Preview the card"))
    card = page.locator("#card")
    card.get_by_text("Verdict.").first.wait_for()
    assert all(group in card.inner_text() for group in planted.MADE_UP)
    keys.press(panel.get_by_role("button", name="Publish", exact=True))
    link = page.locator("#published a")
    link.wait_for()
    published = link.get_attribute("href").removeprefix(f"{space.hub.url}/")
    assert "model.safetensors" in space.hub.files(published)
    assert all(group in space.hub.files(published)["README.md"].decode() for group in planted.MADE_UP)


def test_a_finding_is_copied_as_a_picture_and_as_an_address_that_opens_it(visitor, space):
    page = visitor(permissions=["clipboard-read", "clipboard-write"])
    finding = page.locator("#finding")
    panel = page.get_by_role("tabpanel").filter(visible=True)
    panel.get_by_label("Model").first.fill("ada/own")
    panel.get_by_label("Model").first.press("Enter")
    panel.get_by_role("button", name="Groups and pairs of your own").click()
    panel.get_by_placeholder(BOX).fill(GROUPS)
    panel.get_by_role("button", name="Audit", exact=True).click()
    expect(finding.get_by_text("Measured here just now, whole.")).to_be_visible()
    finding.get_by_role("button", name="Copy as a picture").click()
    expect(finding.get_by_text("Copied.")).to_be_visible()
    kinds = page.evaluate("navigator.clipboard.read().then(items => items.flatMap(item => item.types))")
    assert kinds == ["image/png"]
    finding.get_by_role("button", name="Copy the link").click()
    page.wait_for_function("() => navigator.clipboard.readText().then(text => text.startsWith('http'))")
    address = page.evaluate("navigator.clipboard.readText()")
    assert address.startswith(space.url) and parse_qs(urlsplit(address).query)["groups"] == [GROUPS]
    other = visitor()
    other.goto(address)
    panel = other.get_by_role("tabpanel").filter(visible=True)
    expect(panel.get_by_label("Model").first).to_have_value("ada/own")
    expect(panel.get_by_placeholder(BOX)).to_have_value(GROUPS)
    expect(other.locator("#finding")).to_contain_text("Measured here before, whole")
    assert all(group in other.locator("#finding").inner_text() for group in planted.MADE_UP)
