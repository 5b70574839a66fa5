"""README is short, opens as the Hub wants it, and says what is there; no file names a path of somebody's machine."""

import re

import yaml
from reading_docs import PAGES, README, ROOT, links

LINES = 160
SKIPPED = {
    ".git", ".venv", "runs", "build", "dist", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache",
}  # fmt: skip


def test_it_is_read_in_one_go():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LINES


def test_it_opens_with_what_the_hub_reads():
    opening, front, page = README.read_text(encoding="utf-8").split("---\n", 2)
    assert opening == "" and yaml.safe_load(front)["app_file"] == "space_app.py" and page.startswith("# fairhub\n")


def test_every_page_is_linked():
    linked = set(links(README))
    assert {f"docs/{page.name}" for page in PAGES if page != README} <= linked


def test_no_absolute_paths():
    # In two parts, so that this file does not name them.
    machine = re.compile(r"(?<![\w.~}>)\]])/(" + "|".join(["wo" + "rk", "tm" + "p", "ro" + "ot", "ho" + "me"]) + r")/")
    assert machine.search("see /" + "tm" + "p/x")  # positive control
    found = []
    for file in ROOT.rglob("*"):
        if SKIPPED & set(file.relative_to(ROOT).parts) or ".egg-info" in str(file) or not file.is_file():
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture
            continue
        found += [f"{file.relative_to(ROOT)}: {match[0]}" for match in machine.finditer(text)]
    assert not found
