"""What the scripts share: their options, and how a result is printed."""

import argparse
import json
from collections.abc import Callable
from typing import Any


def options(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every script has."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--model", help="Hub id or folder; the embedded default when left out")
    parser.add_argument("--json", action="store_true", help="print one object")
    return parser


def tell(found: dict[str, Any], as_json: bool, sentence: Callable[[dict[str, Any]], str]) -> None:
    """Print the object, or a sentence made of it."""
    print(json.dumps(found) if as_json else sentence(found))


def skipped(name: str, reach: float, why: str) -> dict[str, Any]:
    """Return the object of what cannot be measured here: neither reached nor missed."""
    return {"name": name, "value": None, "reach": reach, "reached": None, "detail": {"why": why}}
