"""What a report of a stranger must be like before anything is drawn, written or compared from it."""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from fairhub.errors import UserError, plain
from fairhub.files.shapes import LARGEST, conform, refuse_harm
from fairhub.report.recipe_rules import UnitRecord, refuse_units

_Number = float | None
"""A number that was not finite is written as null."""


class _Base(TypedDict):
    id: str
    revision: str
    sha256: str
    layers: NotRequired[int]
    heads: NotRequired[int]
    licence: NotRequired[str]


class _Parameters(TypedDict):
    total: int
    removed: int
    share: float


class _Text(TypedDict):
    prompt: str
    before: str
    after: str


class _Candidate(TypedDict):
    units: NotRequired[int]
    chosen: NotRequired[bool]
    bias_change: NotRequired[float]
    bias_relative: NotRequired[float]
    bias_high: NotRequired[_Number]
    perplexity_relative: NotRequired[float]
    burden: NotRequired[float]
    texts: NotRequired[list[_Text]]
    setting: NotRequired[str]


class _Brought(TypedDict):
    axis: str
    groups: list[str]
    token: str
    change: float
    agree: float
    cells: int


class _Span(TypedDict):
    value: float
    low: float
    high: float


class _Share(_Span):
    relative: float
    relative_low: float
    relative_high: float


class _NoShare(_Span):
    relative: None
    relative_low: None
    relative_high: None


_Shift = _Share | _NoShare


class _Cell(TypedDict):
    method: str
    repaired_on: str
    measured_on: str
    change: _Shift


class _Row(TypedDict):
    method: str
    repaired_on: str
    perplexity: _Shift


class _Chance(TypedDict):
    mean: float
    high: float


class _Asked(TypedDict):
    axes: NotRequired[list[str] | None]
    names: NotRequired[Any]


class _Transfer(TypedDict):
    unit: str
    contexts: list[str]
    base: dict[str, _Span]
    cells: list[_Cell]
    rows: list[_Row]
    sentences: dict[str, list[str]]
    kept: dict[str, _Span | None]
    asked: NotRequired[_Asked]
    chance: NotRequired[dict[str, _Chance | None]]


class _Rows(TypedDict):
    rows: NotRequired[list[dict[str, Any]] | None]


class _Own(TypedDict):
    name: str
    rows: list[dict[str, Any]]
    layers: NotRequired[list[dict[str, Any]]]


class _Trace(TypedDict):
    energy: NotRequired[list[_Number]]
    best: NotRequired[list[_Number]]
    accepted: NotRequired[list[bool | float]]
    temperature: NotRequired[list[float]]
    surrogate: NotRequired[dict[str, Any] | None]
    fidelity: NotRequired[dict[str, dict[str, Any]] | None]
    winners: NotRequired[_Rows | None]
    searches: NotRequired[_Rows | None]
    looked: NotRequired[_Rows | None]
    unasked: NotRequired[list[str]]
    own: NotRequired[_Own | None]


class _Cost(TypedDict):
    seconds: NotRequired[_Number]
    forward_equivalents: NotRequired[_Number]
    peak_bytes: NotRequired[int | None]
    bytes_read: NotRequired[int | None]
    sweeps: NotRequired[_Number]
    device: NotRequired[str | None]
    processes: NotRequired[int | None]
    co2_eq_grams: NotRequired[_Number]
    co2_eq_source: NotRequired[str]


_SHAPES: Mapping[str, Any] = {
    "fairhub": str, "method": str, "seed": int, "created": str, "base_model": _Base, "pruning": list[UnitRecord],
    "parameters": _Parameters, "reliability": dict[str, _Number], "trace": _Trace, "text": list[_Text],
    "cost": _Cost, "data": list[dict[str, str]], "versions": dict[str, str], "verdict": str,
    "settings": dict[str, Any] | None, "healing": dict[str, Any] | None, "brought": list[_Brought] | None,
    "transfer": _Transfer | None, "choices": list[_Candidate] | None,
}  # fmt: skip
_FREE = ("text", "brought")
"""Parts that hold what a model wrote, control characters and all: whoever shows them makes them harmless."""


def refuse_parts(data: Mapping[str, Any]) -> None:
    """Refuse a report whose parts have other types than fairhub writes, or numbers that nothing can compute with.

    Figures, controls and candidates of an erasure have rules of their own, where they are read.

    Raises:
        UserError: It has one; the message names the first.
    """
    refuse_harm({name: part for name, part in data.items() if name not in _FREE} | _bare(data), "the report")
    for name in _SHAPES.keys() & data.keys():
        if name != "choices":
            conform(data[name], _SHAPES[name], f"the report's {name}")
    refuse_units(data["pruning"], "the report's pruning")
    for place, one in enumerate(data.get("brought") or ()):
        if len(one["groups"]) != 2:
            raise UserError(f"the report's brought[{place}] must compare two groups; it has others; run again")
    if transfer := data.get("transfer"):
        _refuse_gaps(transfer)


def _bare(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the candidates of a report without what a model wrote as each, which is free as `text` is."""
    listed = data.get("choices")
    if not isinstance(listed, list):
        return {}
    kept = [{k: v for k, v in one.items() if k != "texts"} if isinstance(one, dict) else one for one in listed]
    return {"choices": kept}


def refuse_candidate(choice: Mapping[str, Any], where: str) -> None:
    """Refuse a candidate whose numbers are none.

    Raises:
        UserError: It is one; the message says where.
    """
    conform(choice, _Candidate, where)
    needed = ("chosen", "perplexity_relative", "burden" if "lost" in choice else "units")
    if missing := [name for name in needed if name not in choice]:
        raise UserError(f"{where} must have its {missing[0]}; it has none; run again to write it anew")


def refuse_sizes(figure: Mapping[str, Any], where: str) -> None:
    """Refuse a figure whose words are no text, or whose counts are none.

    Raises:
        UserError: It is one; the message says where.
    """
    for name in ("name", "role", "axis", "context", "unit"):
        conform(figure[name], str, f"{where}.{name}")
    conform(figure["split"], Literal["search", "select", "held_out", "external"], f"{where}.split")
    for name in ("items", "clusters"):
        conform(figure[name], int, f"{where}.{name}")
        if figure[name] < 0:
            raise UserError(f"{where}.{name} must be 0 or more; got {plain(figure[name])}; run again to write it anew")
    freedom = figure.get("freedom")
    if freedom is not None and not (isinstance(freedom, int | float) and 0 < freedom < LARGEST):
        raise UserError(f"{where}.freedom must be above 0; got {plain(freedom, 40)}; run again to write it anew")


def _refuse_gaps(transfer: Mapping[str, Any]) -> None:
    """Refuse a matrix with a hole in it."""
    there = {(cell["method"], cell["repaired_on"], cell["measured_on"]) for cell in transfer["cells"]}
    asked = {(row["method"], row["repaired_on"], c) for row in transfer["rows"] for c in transfer["contexts"]}
    if missing := sorted(asked - there):
        raise UserError(f"the report's transfer must have a cell for {plain(missing[0])}; it has none; run again")
