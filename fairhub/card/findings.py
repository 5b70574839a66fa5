"""What a stranger should read first in a report's figures: gains and losses, rivals, what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from fairhub.card.known import EXPECTED
from fairhub.report import SPLITS, Control, Figure, Report, find, tables
from fairhub.report import headline as headline_name
from fairhub.report.credit import OWN, in_order, names
from fairhub.report.markup import safe, table
from fairhub.report.metrics import AGAINST_REPAIR, ordered
from fairhub.report.record import REACTS, Outcome
from fairhub.report.tables import reading
from fairhub.report.verdict import worse
from fairhub.report.wording import direction, level, number, odds, points, shift, shift_of

UNSEEN = ("held_out", "external")
_ABSENT = "not measured"
_SPLIT_WORDS = {
    "search": "searched: the repair was made for these",
    "select": "chosen on: the candidates were compared on these",
    "held_out": "unseen: templates, frames and terms of their own",
    "external": "other sources, by other hands",
}


Against = Literal["does less", "cannot be told apart", "does better", "not compared"]


@dataclass(frozen=True)
class Rival:
    """Another way of choosing, under the same proof."""

    name: str
    control: str
    """Its name among the report's controls."""
    against: Against
    """By the interval of the paired change of the headline's figure from this repair to the other."""


def headline(report: Report) -> str:
    """The few rows that must be read together; a row that was not measured says so."""
    rows = []
    shown = ordered("judged", "kept", "everywhere", "pairs", "utility")
    for metric, split, label in ((m, *words) for m in shown for words in m.headline.items()):
        figure = find(report.figures, metric.name, split, metric.axis)
        if figure is not None:
            how = f"{figure.better} is better" if metric.points else direction(figure)
            rows.append((f"{label} ({how})", *_levels(figure), _moved(figure)))
        elif _asked(report, metric.name):
            rows.append((label, _ABSENT, _ABSENT, _ABSENT))
    return table(("", "Before", "After", "Change"), rows)


def fall_off(report: Report) -> str:
    """What became of the headline's figure from the searched prompts to those of other hands, one row a split."""
    name = headline_name(report.figures)
    found = [(split, find(report.figures, name, split)) for split in SPLITS]
    rows = [
        (split, _SPLIT_WORDS[split], shift(f.change), f"{f.items:,} / {f.clusters:,}", reading(f))
        if f is not None
        else (split, _SPLIT_WORDS[split], _ABSENT, "-", "-")
        for split, f in found
    ]
    return table(("Split", "Which prompts", f"Change of {name}", "Items / clusters", "Reading"), rows)


def got_worse(figures: Sequence[Figure]) -> list[str]:
    """Return a line for every figure that got worse by its whole interval, on prompts and text that chose nothing."""
    unseen = [f for f in figures if f.split in UNSEEN and not f.metric.ranged]
    certain = worse([f for f in unseen if f.role == "bias" and not f.reacts])
    listed = [f for f in unseen if f.outcome == "worse" and (f.groups is None or f in certain)]
    return [f"- {_marked(f)}{_BEYOND if f in certain else ''}" for f in listed]


def _marked(figure: Figure) -> str:
    """What became of a figure in one line, in bold that it is past its limit where it is."""
    if not figure.past_limit:
        return said(figure)
    return f"{said(figure).removesuffix(reading(figure))}**{reading(figure)}**"


_BEYOND = " **beyond the chance of looking at so many**"


def said(figure: Figure) -> str:
    """A figure and what became of it, in one line of Markdown."""
    places = [
        figure.split,
        *(f"{k} {v}" for k, v in (("axis", figure.axis), ("context", figure.context)) if v != "all"),
    ]
    places += [f"{figure.groups[0]} and {figure.groups[1]}"] if figure.groups else []
    moved = _moved(figure) if figure.change else f"{level(figure, figure.after)}, where 0 is the base model"
    return f"{safe(figure.name)}, {safe(', '.join(places))}: {safe(moved)}"


def by_outcome(report: Report, kind: Literal["axis", "context"]) -> dict[str, list[str]]:
    """Names of axes or contexts by what became of bias there, held_out: of reaction alone it is not shown."""
    other, place = "context" if kind == "axis" else "axis", (headline_name(report.figures), "held_out", None)
    parts = [f for f in report.figures if (f.name, f.split, f.groups) == place and f.role != "control"]
    parts = [f for f in parts if getattr(f, kind) != "all" and getattr(f, other) == "all"]
    found: dict[str, list[str]] = {outcome: [] for outcome in get_args(Outcome) if outcome not in REACTS}
    for f in parts:
        found["not shown" if f.reacts and f.change is not None else f.outcome].append(getattr(f, kind))
    return found


def rivals(report: Report) -> list[Rival]:
    """Return what other ways of choosing did, each against this repair on the same prompts."""
    own = next((c.figures for c in report.controls if c.name == OWN), report.figures)
    said = names(report)
    return [_rival(control, own, said[control.name]) for control in in_order(report.controls) if control.name != OWN]


def rivals_table(report: Report) -> str:
    """This repair above its rivals: who is judged worse, what must stay; empty where there are none."""
    return tables.others_table(report, {rival.control: rival.against for rival in rivals(report)})


def missing(report: Report) -> list[str]:
    """Return what a reader may look for and will not find, in words."""
    absent = [
        words
        for names, split, axis, words in EXPECTED
        if not any(f.name in names and split in (None, f.split) and f.axis == axis for f in report.figures)
        and _asked(report, names[0])
    ]
    absent += [] if report.controls or not report.pruning else ["other ways of choosing as many units"]
    absent += [] if report.text else ["what the model writes"]
    return absent if "co2_eq_grams" in report.cost else [*absent, "emissions"]


def _asked(report: Report, name: str) -> bool:
    """Whether a figure makes sense for this report: these two compare a model with its base."""
    audited = all(figure.after is None for figure in report.figures)
    return not (audited and name in ("specificity", "kl"))


def _levels(figure: Figure) -> tuple[str, str]:
    """Before and after; specificity is a change by nature and has neither; a judgement gap is shown as odds."""
    if figure.metric.points:
        return "-", "-"
    if figure.name == "judgement":
        return odds(figure.before.value), odds(figure.after.value) if figure.after else "-"
    return level(figure, figure.before), level(figure, figure.after)


def _moved(figure: Figure) -> str:
    if figure.after is None:
        return "-"
    moved = points(figure.after) if figure.metric.points else shift_of(figure)
    return f"{moved}, {reading(figure)}".removeprefix("-, ")


def _rival(control: Control, own: Sequence[Figure], said: str) -> Rival:
    name = headline_name(control.figures)
    mine, theirs = (find(figures, name, "held_out") for figures in (own, control.figures))
    paired = find(control.figures, f"{name}{AGAINST_REPAIR}", "held_out")
    return Rival(said, control.name, _in_pairs(paired) if paired else _by_overlap(mine, theirs))


def _in_pairs(paired: Figure) -> Against:
    said: dict[Outcome, Against] = {
        "better": "does better", "worse": "does less", "not shown": "cannot be told apart",
        "less reaction": "does better", "more reaction": "does less",  # where nothing but reaction was measured
    }  # fmt: skip
    return said.get(paired.outcome, "not compared")


def _by_overlap(mine: Figure | None, theirs: Figure | None) -> Against:
    """Compare two intervals, of reports made before pairs were recorded: that tells apart less often than it could."""
    a, b = (figure.change.share if figure and figure.change else None for figure in (mine, theirs))
    if a is None or b is None:
        return "not compared"
    if b.high < a.low:
        return "does better"
    return "cannot be told apart" if b.low <= a.high else "does less"


def duration(seconds: object) -> str | None:
    """Seconds in the unit a person would use; None for what is no number."""
    if not isinstance(seconds, int | float):
        return None
    for name, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * size:
            return f"{number(seconds / size)} {name}"
    return f"{number(seconds)} seconds"
