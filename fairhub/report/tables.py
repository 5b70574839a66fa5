"""Tables and lists of a report's figures in Markdown: the same rows wherever they are shown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fairhub.report.credit import in_order, names
from fairhub.report.markup import safe, said, table
from fairhub.report.metrics import Metric, ordered
from fairhub.report.public import public_table
from fairhub.report.record import SPLITS, Control, Figure, Report, find, is_public
from fairhub.report.verdict import beyond_chance, worse
from fairhub.report.wording import (
    amount,
    chance,
    direction,
    level,
    named,
    number,
    odds,
    percent,
    points,
    shift,
    shift_of,
)

_FIGURE_HEAD = (
    "Figure", "Split", "Axis", "Context", "Before", "After", "Change", "p", "Items / clusters", "Reading"
)  # fmt: skip
_AXIS = _FIGURE_HEAD.index("Axis")


def figures_table(figures: Iterable[Figure]) -> str:
    """One row a figure, from near to far: place, before, after, change, p, counts and what it says."""
    figures = list(figures)
    if figures and all(map(is_public, figures)):
        return public_table(figures)
    if figures and all(figure.groups for figure in figures):
        signed = all(figure.metric.signed for figure in figures)
        return gaps_table(figures) if signed else pairs_table(figures)
    rows = [_figure_row(figure) for figure in sorted(figures, key=_nearness)]
    # Axis and context are shown where they tell rows apart.
    idle = {_AXIS + i for i in range(2) if all(row[_AXIS + i] == "all" for row in rows)}
    head, *body = (tuple(cell for i, cell in enumerate(row) if i not in idle) for row in (_FIGURE_HEAD, *rows))
    return table(head, body)


def gaps_table(figures: Sequence[Figure]) -> str:
    """The signed gaps that are there beyond chance, or moved beyond it, the largest first: who is judged worse."""
    grown = worse(figures)
    sure = beyond_chance(figures)
    shown = sure + [figure for figure in grown if figure not in sure]
    rows = [
        (
            figure.axis, f"{_groups(figure)[0]} (against {_groups(figure)[1]})", figure.split,
            figure.metric.part, level(figure, figure.before), level(figure, figure.after),
            shift(figure.change), "**grew**" if figure in grown else figure.outcome,
        )
        for figure in shown
    ]  # fmt: skip
    head = ("Axis", "Group", "Split", "Judged more", "Before", "After", "Change", "Reading")
    said = f"{len(shown)} of {len(figures)} single gaps."
    return f"{table(head, rows)}\n\n{said}" if rows else f"None of {len(figures)} single gaps is beyond chance."


def pairs_table(figures: Sequence[Figure]) -> str:
    """The pairs of groups that are judged most apart."""
    judged = sorted((f for f in figures if f.name == "judgement"), key=lambda f: -f.before.value)[:_PAIRS]
    rows = [
        (
            figure.axis, " and ".join(_groups(figure)), figure.split, odds(figure.before.value),
            odds(figure.after.value) if figure.after else "-", level(figure, figure.before), shift(figure.change),
            reading(figure),
        )
        for figure in judged
    ]  # fmt: skip
    head = ("Axis", "Groups", "Split", "Before, as odds", "After, as odds", "Before (nats²)", "Change", "Reading")
    return table(head, rows) if rows else ""


def brought_table(report: Report) -> str:
    """What each group's name brings more than the other's, in the base model, a pair of groups a row."""
    rows: dict[tuple[str, str, str], tuple[list[str], list[str]]] = {}
    for one in report.brought or ():
        sides = rows.setdefault((one["axis"], *one["groups"]), ([], []))
        sides[one["change"] < 0].append(f"{one['token'].strip() or one['token']!r} ({100 * one['agree']:.0f} %)")
    shown = [(axis, a, ", ".join(first), b, ", ".join(second)) for (axis, a, b), (first, second) in rows.items()]
    return table(("Axis", "Group", "Brings", "Group", "Brings"), shown) if shown else ""


_PAIRS = 12


def _groups(figure: Figure) -> tuple[str, str]:
    assert figure.groups is not None
    return figure.groups


def _alternatives() -> list[Metric]:
    """Return the metrics by which ways of choosing are compared, on held_out."""
    return [m for m in ordered("judged", "kept", "utility", "everywhere", "pairs") if m.alternatives]


def others_table(report: Report, against: Mapping[str, str] | None = None) -> str:
    """The repair and what it is compared with, a row each; empty where it is compared with nothing.

    Args:
        report: The run.
        against: What is said of each but the repair, by name.
    """
    shown = [metric for metric in _alternatives() if any(_compared(c, metric) for c in report.controls)]
    rows, called = [], names(report)
    for control in in_order(report.controls):
        cells = [_moved(_compared(control, metric)) for metric in shown]
        last = [] if against is None else [against.get(control.name, "-")]
        rows.append((called[control.name], *cells, *last))
    head = (
        "Chosen by",
        *(metric.alternatives for metric in shown),
        *([] if against is None else ["Against this repair"]),
    )
    return table(head, rows) if len(rows) > 1 else ""


def _compared(control: Control, metric: Metric) -> Figure | None:
    return find(control.figures, metric.name, "held_out", metric.axis)


def _moved(figure: Figure | None) -> str:
    if figure is not None and figure.after is not None and figure.metric.points:
        return points(figure.after)
    return shift_of(figure) if figure else "-"


def controls_table(report: Report) -> str:
    """The figures of a run beside those of the alternatives under the same proof."""
    measured = {(f.name, f.split, f.axis, f.context) for c in report.controls for f in c.figures}
    own = [f for f in report.figures if (f.name, f.split, f.axis, f.context) in measured]
    rows = [(f"{named(report)} (this run)", *_figure_row(figure)) for figure in sorted(own, key=_nearness)]
    rows += [
        (f"{control.name} ({amount(control.seeds, 'seed')})", *_figure_row(figure))
        for control in in_order(report.controls)
        for figure in sorted(control.figures, key=_nearness)
    ]
    return table(("Chosen by", *_FIGURE_HEAD), rows)


def choices_table(report: Report) -> str:
    """The candidates on select from which one was taken; empty where there were none."""
    if erasures := by_strength(report.choices or ()):
        return _erasures_table(erasures)
    named = any("setting" in choice for choice in report.choices or ())
    rows = [
        (
            *([said(choice.get("setting", ""))] if named else []),
            str(choice["units"]),
            percent(choice["bias_relative"]) if "bias_relative" in choice else "not asked: too dear",
            percent(choice["perplexity_relative"]),
            "chosen" if choice["chosen"] else "",
        )
        for choice in report.choices or ()
    ]
    if named:
        rows += [(said(words), "-", "not asked: a weaker one was too dear", "-", "")
                 for words in report.trace.get("unasked") or ()]  # fmt: skip
    head = (*(["Setting"] if named else []), "Units", "Bias", "Perplexity", "")
    return table(head, rows) if rows else ""


def by_strength(choices: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return those choices that are strengths of an erasure, weak to strong: the front that a person may take from."""
    return sorted((choice for choice in choices if "lost" in choice), key=lambda one: float(one["strength"]))


def _erasures_table(choices: Sequence[Mapping[str, Any]]) -> str:
    """Strengths of an erasure, weak to strong: what each took off the judgement gap, and what it lost most of."""
    rows = []
    for place, choice in enumerate(choices, 1):
        name, loss = largest_loss(choice)
        gap = percent(choice["bias_relative"]) if "bias_relative" in choice else "not asked"
        rows.append((
            str(place), f"{choice['strength']:g}", gap,
            f"{name} {percent(-loss)}", percent(choice["perplexity_relative"]), f"{choice['burden']:.2f}",
            "chosen" if choice["chosen"] else "",
        ))  # fmt: skip
    share = "Share of its limit that anything surely took"
    return table(("Row", "Strength", "Judgement gap", "Lost most", "Perplexity", share, ""), rows)


def largest_loss(choice: Mapping[str, Any]) -> tuple[str, float]:
    """Return what must stay of which a candidate of an erasure lost most, and how much, relative; not perplexity."""
    lost = {name: float(loss) for name, loss in choice["lost"].items() if name != "perplexity"}
    return max(lost.items(), key=lambda pair: pair[1], default=("nothing", 0.0))


def reliability_table(report: Report) -> str:
    """How far scores agree with themselves, and the surrogate with the model; empty where it was not asked."""
    names = {"template": "between halves of the templates", "seed": "between seeds"}
    values = {names.get(key, key): value for key, value in report.reliability.items()}
    values |= {f"surrogate: {key}": value for key, value in (report.trace.get("surrogate") or {}).items()}
    rows = [
        (key, number(value) if isinstance(value, float) else said(value))
        for key, value in values.items()
        if value is not None
    ]
    return table(("Agreement", "Value"), rows) if report.reliability or report.trace.get("surrogate") else ""


def heads_table(report: Report) -> str:
    """The heads that carry most of the harm, with what each would break; empty where no method weighed them so."""
    rows = list((report.trace.get("heads") or {}).get("rows") or ())
    if not rows:
        return ""
    families = [name for name in rows[0] if name not in ("head", "harm")]
    shown = [
        (said(row["head"]), f"{100 * float(row['harm']):.1f} %", *(f"{float(row[name]):.2g}" for name in families))
        for row in rows
    ]
    return table(("Head", "Of the harm", *families), shown)


def texts_table(texts: Iterable[dict[str, str]]) -> str:
    """Continuations of the same prompts, before and after."""
    rows = [(text["prompt"], text["before"], text["after"]) for text in texts]
    return table(("Prompt", "Before", "After"), rows)


def shortfalls(figures: Sequence[Figure], among: Sequence[Figure]) -> list[str]:
    """One line a figure that did not improve by its whole interval.

    Args:
        figures: to say it of.
        among: all that were looked at together: "worse" is said beyond the chance of having looked at so many.
    """
    certain = worse(among)
    return [
        f"- {safe(figure.label)}: {'**worse**' if figure in certain else _FAILURES[figure.outcome]}, "
        f"{shift(figure.change)}"
        for figure in figures
        if figure.outcome != "better"
    ]


_FAILURES = {
    "worse": "worse, though not beyond the chance of looking at so many figures",
    "not shown": "no change shown",
    "not compared": "not compared",
}


def unseen_bias(figures: Iterable[Figure]) -> list[Figure]:
    """Changed bias figures on prompts that chose nothing; public benchmarks have a table of their own."""
    unseen = [f for f in figures if f.split in ("held_out", "external") and f.change is not None and f.groups is None]
    return [f for f in unseen if f.role == "bias" and not (f.reacts or f.metric.ranged or is_public(f))]


def _figure_row(figure: Figure) -> tuple[str, ...]:
    return (
        f"{figure.name} ({direction(figure)})",
        figure.split,
        figure.axis,
        figure.context,
        level(figure, figure.before),
        level(figure, figure.after),
        shift_of(figure),
        chance(figure.change.p) if figure.change else "-",
        f"{figure.items:,} / {figure.clusters:,}",
        reading(figure),
    )


def reading(figure: Figure) -> str:
    """What a figure says in a few words: past its limit where it has one, whole interval."""
    if figure.metric.ranged:
        return "range, no interval"
    if figure.past_limit:
        return f"past its limit of {100 * (figure.limit or 0):.3g} %"
    if figure.limit is not None and figure.outcome == "worse":
        return "worse, within its limit"
    return figure.outcome


def _nearness(figure: Figure) -> tuple[str, int]:
    return figure.name, SPLITS.index(figure.split) if figure.split in SPLITS else len(SPLITS)
