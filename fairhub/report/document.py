"""report.md: the whole report for a stranger, failures as plainly as gains."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fairhub.report.judgement import worse
from fairhub.report.markup import safe, said, table
from fairhub.report.provenance import provenance
from fairhub.report.record import SPLITS, Figure, Report, count_units
from fairhub.report.wording import amount, chance, direction, level, number, percent, shift


@dataclass(frozen=True)
class _Section:
    """A heading, what to know before reading its table, and the figures that belong there."""

    title: str
    note: str
    holds: Callable[[Figure], bool]


# A figure stands in the first section that holds it; the last one holds whatever is left.
_SECTIONS = (
    _Section(
        "Control pairs and specificity",
        "Control pairs differ in nothing demographic: where they fall as much, the model became duller and "
        "not fairer. Specificity is the relative change on demographic pairs minus that on control pairs.",
        lambda f: f.axis == "control" or f.role == "control" or f.name == "specificity",
    ),
    _Section(
        "Bias, from near to far",
        "The search saw only the first split; held-out prompts have templates, frames and terms of their "
        "own; external ones come from sources by other hands. Only the last two are evidence.",
        lambda f: f.role == "bias" and f.axis == f.context == "all",
    ),
    _Section("Bias by axis", "", lambda f: f.role == "bias" and f.context == "all"),
    _Section("Bias by context", "", lambda f: f.role == "bias"),
    _Section("Utility", "What the change cost, on text that chose nothing.", lambda f: f.role == "utility"),
    _Section("Other figures", "", lambda f: True),
)
_ORDER = ("Bias, from near to far", "Control pairs and specificity", "Utility")


def markdown(report: Report) -> str:
    """Write report.md: what changed, how sure, what it cost, where it does not carry over."""
    parts = [
        f"# Fairness report: {safe(report.base_model.get('id', 'a model'))}",
        f"**{safe(report.verdict)}**",
        _summary(report),
        *_figure_sections(report.figures),
        _shortfalls(report.figures),
        _controls(report),
        _reliability(report),
        _front(report),
        _texts(report),
        provenance(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(report: Report) -> str:
    units = count_units(report.pruning)
    removed = " and ".join(amount(count, kind) for kind, count in units.items()) or "nothing"
    share = report.parameters.get("share")
    size = f" ({100 * share:.3g} % of the parameters)" if units and share is not None else ""
    healed = ", and the columns that stay were refitted (healed)" if report.healing else ""
    return (
        f"Method `{report.method}`, seed {report.seed}, removed {removed}{size}{healed}. "
        "Brackets are 95 % intervals, drawn over clusters of related prompts; p is two-sided and "
        "not adjusted for the number of rows. What was not measured is not listed."
    )


def _figure_sections(figures: Sequence[Figure]) -> list[str]:
    held: dict[str, list[Figure]] = {section.title: [] for section in _SECTIONS}
    for figure in figures:
        held[next(section.title for section in _SECTIONS if section.holds(figure))].append(figure)
    shown = sorted(_SECTIONS, key=lambda s: _ORDER.index(s.title) if s.title in _ORDER else len(_ORDER))
    return [
        "\n\n".join(part for part in (f"## {s.title}", s.note, _figure_table(held[s.title])) if part)
        for s in shown
        if held[s.title]
    ]


def _figure_table(figures: Iterable[Figure]) -> str:
    rows = [_figure_row(figure) for figure in sorted(figures, key=_nearness)]
    # Axis and context are shown where they tell rows apart.
    idle = {_AXIS + i for i in range(2) if all(row[_AXIS + i] == "all" for row in rows)}
    head, *body = (tuple(cell for i, cell in enumerate(row) if i not in idle) for row in (_FIGURE_HEAD, *rows))
    return table(head, body)


_FIGURE_HEAD = (
    "Figure", "Split", "Axis", "Context", "Before", "After", "Change", "p", "Items / clusters", "Reading"
)  # fmt: skip
_AXIS = _FIGURE_HEAD.index("Axis")


def _figure_row(figure: Figure) -> tuple[str, ...]:
    return (
        f"{figure.name} ({direction(figure)})",
        figure.split,
        figure.axis,
        figure.context,
        level(figure, figure.before),
        level(figure, figure.after),
        shift(figure.change),
        chance(figure.change.p) if figure.change else "-",
        f"{figure.items:,} / {figure.clusters:,}",
        figure.outcome,
    )


def _nearness(figure: Figure) -> tuple[str, int]:
    return figure.name, SPLITS.index(figure.split) if figure.split in SPLITS else len(SPLITS)


def _shortfalls(figures: Sequence[Figure]) -> str:
    """Where bias, unseen, did not demonstrably fall: said in sentences, because tables hide it."""
    unseen = [
        figure
        for figure in figures
        if figure.role == "bias" and figure.split in ("held_out", "external") and figure.change is not None
    ]
    if not unseen:
        return ""
    certain = worse(unseen)
    lines = [
        f"- {safe(figure.label)}: {'**worse**' if figure in certain else _FAILURES[figure.outcome]}, "
        f"{shift(figure.change)}"
        for figure in unseen
        if figure.outcome != "better"
    ]
    good = len(unseen) - len(lines)
    count = f"{good} of {amount(len(unseen), 'bias figure')} on unseen prompts improved by the whole interval."
    listed = "\n".join(lines) or "None failed. Prompts unlike these were not measured."
    return f"## Where it does not carry over\n\n{count}\n\n{listed}"


_FAILURES = {
    "worse": "worse, though not beyond the chance of looking at so many figures",
    "not shown": "no change shown",
    "not compared": "not compared",
}


def _controls(report: Report) -> str:
    """The same figures under other ways to choose: a method must beat chance to have found anything."""
    if not report.controls:
        return ""
    measured = {(f.name, f.split, f.axis, f.context) for c in report.controls for f in c.figures}
    own = [f for f in report.figures if (f.name, f.split, f.axis, f.context) in measured]
    rows = [(f"{report.method} (this run)", *_figure_row(figure)) for figure in sorted(own, key=_nearness)]
    rows += [
        (f"{control.name} ({amount(control.seeds, 'seed')})", *_figure_row(figure))
        for control in report.controls
        for figure in sorted(control.figures, key=_nearness)
    ]
    note = "What other ways of choosing as many units do under the same proof."
    return f"## Against other choices\n\n{note}\n\n{table(('Chosen by', *_FIGURE_HEAD), rows)}"


def _reliability(report: Report) -> str:
    surrogate = report.trace.get("surrogate")
    if not report.reliability and not surrogate:
        return ""
    names = {"template": "between halves of the templates", "seed": "between seeds"}
    values = {names.get(key, key): value for key, value in report.reliability.items()}
    values |= {f"surrogate: {key}": value for key, value in (surrogate or {}).items()}
    rows = [
        (key, number(value) if isinstance(value, float) else said(value))
        for key, value in values.items()
        if value is not None
    ]
    note = "Rank correlation of the scores that chose the units; 1 is perfect, 0 is chance."
    return f"## How repeatable the scores are\n\n{note}\n\n{table(('Agreement', 'Value'), rows)}"


def _front(report: Report) -> str:
    if not report.choices:
        return ""
    rows = [
        (
            str(choice["units"]),
            percent(choice["bias_relative"]),
            percent(choice["perplexity_relative"]),
            "chosen" if choice["chosen"] else "",
        )
        for choice in report.choices
    ]
    note = (
        "Candidates on the select split, one row each, from which one was chosen. They are the best of "
        "many looks and so flatter themselves: they carry no intervals and prove nothing."
    )
    head = ("Units", "Bias", "Perplexity", "")
    return f"## What there was to choose from\n\n{note}\n\n{table(head, rows)}"


def _texts(report: Report) -> str:
    if not report.text:
        return ""
    rows = [(text["prompt"], text["before"], text["after"]) for text in report.text]
    return f"## What it writes\n\n{table(('Prompt', 'Before', 'After'), rows)}"
