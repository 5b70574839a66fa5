"""An audit on a terminal: a table for a stranger, which says of every figure which way is better."""

import textwrap
from collections.abc import Sequence

from fairhub.report.record import SPLITS, Figure, is_public
from fairhub.report.verdict import beyond_chance, directions, verdict
from fairhub.report.wording import number

WIDTH = 107
_ARROWS = {"lower": "↓ lower", "higher": "↑ higher"}
_ROLES = {"bias": "bias", "reaction": "reaction, of which less is not fairer", "control": "control"}
"""Titles of what is not about judgements, by the role of the figures below them."""


def audit_table(figures: Sequence[Figure], notes: Sequence[str] = ()) -> str:
    """Write what an audit measured: bias and control pairs by split, public benchmarks, utility; then the notes."""
    own = [f for f in figures if not is_public(f) and f.groups is None and not f.metric.prompt_format]
    otherwise = [f for f in figures if f.metric.prompt_format]
    rest = [f for f in own if f.metric.section != "judged"]
    gaps = [f for split in SPLITS for f in beyond_chance(directions(figures, split))]
    blocks = {
        **{
            f"who is judged worse, {split}": [f for f in own if f.metric.section == "judged" and f.split == split]
            for split in SPLITS
        },
        "single gaps beyond chance: judged more ... than others (Holm, 5 %)": gaps,
        "what must stay": [f for f in own if f.role == "keep"],
        "the same asked otherwise, part of held_out": otherwise,
        **{
            f"{title}, {split}": [f for f in rest if (_role(f), f.split) == (role, split)]
            for role, title in _ROLES.items() for split in SPLITS
        },
    }  # fmt: skip
    blocks["public benchmarks: bias"] = [f for f in figures if f.role == "bias" and is_public(f)]
    blocks["utility"] = [f for f in figures if f.role == "utility"]
    lines = [_line(*HEAD), "-" * WIDTH]
    for title, found in blocks.items():
        lines += [title, *map(_row, found)] if found else []
    noted = [line for note in notes for line in textwrap.wrap(note, WIDTH, subsequent_indent="  ")]
    if any(figure.name in ("judgement", "systematic") for figure in own):  # what was read, or could not be
        noted = [*textwrap.wrap(verdict(figures), WIDTH), *asked(figures), *noted]
    return "\n".join([*lines, "-" * WIDTH, *noted])


def asked(figures: Sequence[Figure]) -> list[str]:
    """Say in which prompt format the model was asked, where it has a chat template; at most one line."""
    other = next((f.metric.prompt_format for f in figures if f.metric.prompt_format), "")
    if not other:
        return []
    if other == "text":
        return ["The model was asked in its chat template, as in a chat; --chat off asks with plain texts."]
    return ["The model was asked with plain texts; in a chat it may judge otherwise: --chat on asks in its template."]


def public_lines(figures: Sequence[Figure]) -> list[str]:
    """Return the lines of what public benchmarks measured, under their heads; nothing where none did."""
    found = [figure for figure in figures if is_public(figure)]
    return ["public benchmarks", _line(*HEAD), *map(_row, found)] if found else []


def _role(figure: Figure) -> str:
    return "reaction" if figure.reacts else figure.role


HEAD = ("figure", "axis, context", "better", "value", "95 % interval", "items", "unit")
"""What `row` gives of a figure."""


def row(figure: Figure) -> tuple[str, ...]:
    """Return a figure as the cells of a table, under `HEAD`."""
    part = figure.before
    place = figure.axis if figure.context == "all" else f"{figure.axis}, {figure.context}"
    return (
        figure.name, f"{figure.groups[0]} ({figure.split})" if figure.groups else place,
        "-" if figure.reacts else _ARROWS[figure.better], number(part.value),
        f"[{number(part.low)}, {number(part.high)}]", f"{figure.items:,}", figure.unit,
    )  # fmt: skip


def _row(figure: Figure) -> str:
    return _line(*row(figure))


def _line(name: str, place: str, better: str, value: str, interval: str, items: str, unit: str) -> str:
    return f"  {name:<26.26} {place:<18.18} {better:<8} {value:>8} {interval:<17} {items:>6} {unit:<16.16}".rstrip()
