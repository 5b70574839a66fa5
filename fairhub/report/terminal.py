"""The last words of a run on a terminal: one plain table, at most 80 columns wide."""

import textwrap
from collections.abc import Sequence

from fairhub.report.public import readings
from fairhub.report.record import SPLITS, Figure, Report, count_units, is_public, searched_axes
from fairhub.report.wording import amount, number, points, shift

WIDTH = 80


def table(report: Report) -> str:
    """Write the result in plain text: bias from near to far, by axis, utility, controls, verdict."""
    lines = [_clip(f"{report.base_model.get('id', 'a model')}: {report.method}, seed {report.seed}")]
    units = " and ".join(amount(n, kind) for kind, n in count_units(report.pruning).items())
    lines += [f"{units or 'nothing'} removed{', healed' if report.healing else ''}", "-" * WIDTH]
    lines.append(_line("figure", "better", "before", "after", "change [95 % interval]"))
    for title, rows in _blocks(report).items():
        lines += [title, *rows] if rows else []
    # A no-break space keeps a number and its % on one line.
    verdict = textwrap.fill(report.verdict.replace(" %", "\xa0%"), WIDTH).replace("\xa0", " ")
    return "\n".join([*lines, "-" * WIDTH, verdict]) + "\n"


def _blocks(report: Report) -> dict[str, list[str]]:
    figures = [f for f in report.figures if not is_public(f)]
    overall = [f for f in figures if f.role == "bias" and f.axis == f.context == "all"]
    # Divergence by split tells how far the gain carries; other bias figures need one line each.
    divergence = sorted((f for f in overall if f.name == "divergence"), key=_nearness)
    own = [f for f in figures if f.context == "all" and f.axis in searched_axes(figures)]
    held_out = [f for f in figures if f.split == "held_out" and f.context == "all"]
    axes = [f for f in held_out if f.name == "divergence" and f.axis not in ("all", "control")]
    beside = [f for f in held_out if f.name == "specificity" or f.axis == "control"]
    return {
        "divergence on what was searched": [_row(f"{f.axis}, {f.split}", f) for f in sorted(own, key=_nearness)],
        "divergence, from near to far": _rows(divergence, "split"),
        "divergence by axis, held_out": _rows(axes, "axis"),
        "other bias": [_row(f"{f.name}, {f.split}", f) for f in overall if f not in divergence + beside],
        "control pairs, held_out": _rows(beside, "name"),
        **_public([f for f in report.figures if is_public(f) and f.axis == "all"]),
        "utility": _rows([f for f in figures if f.role == "utility"], "name"),
        "other ways to choose, held_out": _controls(report),
    }


def _public(figures: Sequence[Figure]) -> dict[str, list[str]]:
    """Benchmarks by what they say, beyond the chance of having looked at all of them."""
    blocks: dict[str, list[str]] = {}
    for figure, (said, _) in zip(figures, readings(figures), strict=True):
        blocks.setdefault(f"public benchmarks: {said}", []).append(_row(figure.name, figure))
    return dict(sorted(blocks.items()))


def _nearness(figure: Figure) -> int:
    return SPLITS.index(figure.split) if figure.split in SPLITS else len(SPLITS)


def _rows(figures: Sequence[Figure], naming: str) -> list[str]:
    return [_row(getattr(figure, naming), figure) for figure in figures]


def _row(name: str, figure: Figure) -> str:
    if figure.name == "specificity" and figure.after is not None:
        return _line(name, figure.better, "", "", points(figure.after))
    after = number(figure.after.value) if figure.after else ""
    return _line(name, figure.better, number(figure.before.value), after, _change(figure))


def _change(figure: Figure) -> str:
    if figure.change is None and figure.after is not None:
        return f"[{number(figure.after.low)}, {number(figure.after.high)}]"
    if figure.change is None:
        return f"[{number(figure.before.low)}, {number(figure.before.high)}]"
    return shift(figure.change)


_SHORT = {"divergence": "bias", "specificity": "specific", "perplexity": "perpl."}
"""Names that fit beside those of the alternatives."""


def _controls(report: Report) -> list[str]:
    return [
        _row(f"{control.name}: {_SHORT[figure.name]}", figure)
        for control in report.controls
        for figure in control.figures
        if (figure.split, figure.axis, figure.context) == ("held_out", "all", "all") and figure.name in _SHORT
    ]


def _line(name: str, better: str, before: str, after: str, change: str) -> str:
    return _clip(f"  {name:<22.22} {better:<6} {before:>8} {after:>8} {change}").rstrip()


def _clip(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
