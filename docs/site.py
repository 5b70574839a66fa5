"""Hooks of mkdocs: README is the site's first page, and what a page links outside docs/ is named, not linked."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

README = Path(__file__).resolve().parent.parent / "README.md"
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)]+)\)")


def first_page(readme: str) -> str:
    """Return README as a page of docs/: without its front matter, links from docs/ instead of from the checkout."""
    page = readme.split("---\n", 2)[2]
    return re.sub(r"\]\((?!https?:|#)(docs/)?([^)]+)\)", lambda link: f"]({'' if link[1] else '../'}{link[2]})", page)


def on_files(files: Files, config: Any) -> Files:
    """Add the first page."""
    files.append(File.generated(config, "index.md", content=first_page(README.read_text(encoding="utf-8"))))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Name what lies outside docs/: a site has no such page."""
    return _OUTSIDE.sub(lambda link: f"{link[1]} (`{link[2]}`)" if link[1] != link[2] else f"`{link[2]}`", markdown)
