"""The last words of a run on a terminal: one plain table, at most 80 columns wide."""

import textwrap
from collections.abc import Sequence

from fairhub.report.credit import in_order, short_names
from fairhub.report.public import readings
from fairhub.report.record import SPLITS, Figure, Report, count_units, is_public, searched
from fairhub.report.verdict import about
from fairhub.report.wording import SHRUNK, amount, edited, named, number, points, shift_of

WIDTH = 80


def table(report: Report) -> str:
    """Write the result in plain text: bias from near to far, by axis, utility, controls, verdict."""
    lines = [_clip(f"{report.base_model.get('id', 'a model')}: {named(report)}, seed {report.seed}")]
    units = " and ".join(amount(n, kind) for kind, n in count_units(report.pruning).items())
    done = [f"{units or 'no unit'} removed", *filter(None, [edited(report.healing)])]
    lines.append(", ".join(done))
    if width := (report.settings or {}).get(SHRUNK):
        lines += textwrap.wrap(f"{SHRUNK}: {width}", WIDTH)
    lines.append("-" * WIDTH)
    lines.append(_line("figure", "better", "before", "after", "change [95 % interval]"))
    for title, rows in _blocks(report).items():
        lines += [title, *rows] if rows else []
    # A no-break space keeps a number and its % on one line.
    verdict = textwrap.fill(report.verdict.replace(" %", "\xa0%"), WIDTH).replace("\xa0", " ")
    return "\n".join([*lines, "-" * WIDTH, verdict]) + "\n"


def _blocks(report: Report) -> dict[str, list[str]]:
    figures = [f for f in report.figures if not is_public(f) and f.groups is None]
    whole = [f for f in figures if f.context == "all"]
    judged = [f for f in whole if f.metric.section == "judged" and not f.metric.ranged]
    near = sorted((f for f in judged if not f.metric.part and f.axis == "all"), key=_nearness)
    held_out = [f for f in whole if f.split == "held_out"]
    beside = [f for f in held_out if f.metric.section == "everywhere" and f.axis == "all"]
    pairs = [f for f in whole if f.metric.section == "pairs" and f.axis == "all"]
    alone = sorted((f for f in pairs if not f.metric.points), key=_nearness)
    own = [f for split in SPLITS for f in searched(figures, split)]
    specific = [f for f in pairs if f.metric.points and f.split == "held_out"]
    axes = [f for f in judged if f.split == "held_out" and not f.metric.part and f.axis != "all"]
    dimensions = [f for f in judged if f.split == "held_out" and f.metric.part]
    return {
        "judgement gap on what was searched": [_row(f"{about(f)}, {f.split}", f) for f in own],
        "judgement gap (squared), from near to far": _rows(near, "split"),
        "judgement gap by axis, held_out": _rows(axes, "axis"),
        "judgement gap by dimension, held_out": [_row(f.metric.part, f) for f in dimensions],
        "must stay (limit), held_out": [
            _row(f"{f.metric.label or f.name} ({100 * f.limit:.3g} %)", f) + "  past" * f.past_limit
            for f in held_out if f.limit is not None
        ],
        "asked otherwise, held_out": [_row(f.name, f) for f in held_out if f.metric.prompt_format],
        "what a name changes everywhere": [_row(f"{f.metric.label or f.name}, held_out", f) for f in beside],
        "divergence of single pairs": [*_rows(alone, "split"), *_rows(specific, "name")],
        **_public([f for f in report.figures if is_public(f) and f.axis == "all"]),
        "utility": _rows([f for f in figures if f.role == "utility" and f.limit is None], "name"),
        "other ways to choose, held_out": _controls(report),
    }  # fmt: skip


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
    if figure.metric.points and figure.after is not None:
        return _line(name, figure.better, "", "", points(figure.after))
    after = number(figure.after.value) if figure.after else ""
    better = "-" if figure.reacts else figure.better
    return _line(name, better, number(figure.before.value), after, _change(figure))


def _change(figure: Figure) -> str:
    if figure.change is None and figure.after is not None:
        return f"[{number(figure.after.low)}, {number(figure.after.high)}]"
    if figure.change is None:
        return f"[{number(figure.before.low)}, {number(figure.before.high)}]"
    return shift_of(figure)


def _controls(report: Report) -> list[str]:
    said = short_names(report)
    return [
        _row(f"{said[control.name]}: {figure.metric.short}", figure)
        for control in in_order(report.controls)
        for figure in control.figures
        if (figure.split, figure.axis, figure.context) == ("held_out", "all", "all") and figure.metric.short
    ]


def _line(name: str, better: str, before: str, after: str, change: str) -> str:
    return _clip(f"  {name:<22.22} {better:<6} {before:>8} {after:>8} {change}").rstrip()


def _clip(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
