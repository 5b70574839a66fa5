"""README and the pages of docs/, as their tests read them: what is written by hand, code, commands, links and paths."""

import importlib.util
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
_GENERATED = re.compile(r"<!-- generated: \w+ -->.*?<!-- /generated -->", re.S)
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
_FOLDERS = "benchmarks|docs|fairhub|model_cards|tests"


def generator():
    """The module docs/generated.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("generated", ROOT / "docs" / "generated.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written(page: Path) -> str:
    """What a person wrote of a page: all but what is generated."""
    return _GENERATED.sub("", page.read_text(encoding="utf-8"))


def blocks(page: Path, kind: str) -> list[str]:
    return [text for said, text in _BLOCK.findall(written(page)) if said == kind]


def prose(page: Path) -> str:
    return _BLOCK.sub("", written(page))


def code(page: Path) -> list[str]:
    """What stands between backticks in prose."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def shell(page: Path) -> list[str]:
    return [line for block in blocks(page, "bash") for line in block.splitlines()]


def commands(lines: list[str]) -> list[list[str]]:
    """The words behind `fairhub` of every line that starts it, by whatever launcher."""
    started = []
    for line in lines:
        words = shlex.split(line, comments=True) if re.search(r"\bfairhub ", line.split(" #")[0]) else []
        starts = [place for place, word in enumerate(words) if Path(word).name in ("fairhub", "hf-fairhub")]
        if starts and (starts[0] == 0 or words[starts[0] - 1] == "-m"):
            started.append(words[starts[0] + 1 :])
    return started


def targets(page: Path) -> set[str]:
    """Targets of make that a page names."""
    return {match[1] for line in [*code(page), *shell(page)] if (match := re.match(r"make ([a-z-]+)", line))}


def links(page: Path) -> list[str]:
    """Where links and pictures of a page point within this repository."""
    return re.findall(r"\]\(((?!https?:)[^)\s]+)\)", prose(page))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the Hub and the site make them."""
    heads = re.findall(r"^#+ (.*)$", _BLOCK.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\s-]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def paths(page: Path) -> list[str]:
    """Files and folders of this repository that a page names in code."""
    named = re.compile(rf"(?<![\w/.-])(?:{_FOLDERS})/[\w./*-]+")
    return [path for text in [*code(page), *shell(page)] for path in named.findall(text)]
