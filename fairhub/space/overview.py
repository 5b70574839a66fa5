"""A finished run as a visitor reads it: the verdict, the few numbers that matter, the pictures; all from its report."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fairhub.plots import PICTURES
from fairhub.report import Figure, Report, find
from fairhub.report.record import count_units
from fairhub.report.sections import sections
from fairhub.report.tables import reading
from fairhub.report.verdict import beyond_chance
from fairhub.report.wording import amount, edited, level, named, percent, shift
from fairhub.space.markup import esc, facts, stored, table


def overview(report: Report, folder: Path) -> str:
    """Return the run of this folder as HTML: verdict, numbers, leading figures, pictures."""
    lead = [section for section in sections(report.figures) if section.leads]
    tables = "".join(
        f"<h2>{esc(s.title)}</h2><p>{esc(s.note)}</p>{table(_HEAD, map(_row, _worth(s.figures)), s.title)}"
        for s in lead
    )
    return (
        f'<section class="fh-report" aria-label="Report of a run"><p class="fh-verdict">{esc(report.verdict)}</p>'
        f"{facts(_headlines(report))}<div class='fh-pictures'>{''.join(_pictures(folder))}</div>"
        f"<details><summary>The figures behind it</summary>{tables}</details></section>"
    )


def title(report: Report) -> str:
    """Return a run in a few words: its model, its method, what went."""
    units = " + ".join(amount(count, kind) for kind, count in count_units(report.pruning).items())
    gone = units or edited(report.healing) or "nothing removed"
    name = str(report.base_model.get("id", "a model")).partition("@")[0].rsplit("/", 1)[-1]
    return f"{name}, {named(report)}: {gone}"


def _headlines(report: Report) -> Iterator[tuple[str, str, str]]:
    for name, split, what, why in _HEADLINES:
        figure = find(report.figures, name, split)
        if figure is None:
            continue
        if figure.change is not None and figure.change.share is not None:
            share = figure.change.share
            yield what, percent(share.value), f"{why} 95 % interval {percent(share.low)} to {percent(share.high)}."
    gone = count_units(report.pruning)
    part = report.parameters.get("share")
    size = f"{100 * part:.2g} % of the model's numbers." if part is not None else ""
    yield "Parts removed", " + ".join(amount(n, kind) for kind, n in gone.items()) or "none", size


_HEADLINES = (
    (
        "judgement",
        "held_out",
        "Who is judged worse",
        "Judgement gap on unseen prompts and words; below zero is fairer.",
    ),
    ("judgement", "external", "The same, other authors", "On prompts from sources it never met."),
    ("meaning", "held_out", "Grasp of meaning", "What follows from a demographic word; should stay."),
    ("recall", "held_out", "Recall", "Who did what; should stay."),
    ("merit", "held_out", "Reaction to merit", "What a judgement should hang on; should stay."),
    ("perplexity", "held_out", "Price", "How much worse it foresees ordinary text (perplexity)."),
)


def _worth(figures: Sequence[Figure]) -> Sequence[Figure]:
    """Return the figures worth a row: of single gaps those that are there beyond chance."""
    return beyond_chance(figures) if all(figure.groups for figure in figures) else figures


_HEAD = ("Figure", "Where", "About", "Before", "After", "Change", "Reading")


def _row(figure: Figure) -> tuple[str, ...]:
    about = figure.axis if figure.context == "all" else f"{figure.axis}, {figure.context}"
    about += f": {figure.groups[0]} and {figure.groups[1]}" if figure.groups else ""
    before, after = (level(figure, part) for part in (figure.before, figure.after))
    return figure.name, figure.split, about, before, after, shift(figure.change), reading(figure)


def _pictures(folder: Path) -> Iterator[str]:
    known = {name: (draw.__doc__ or name).split("\n")[0] for name, draw in PICTURES.items()}
    paths = {path.stem: path for path in (folder / "figures").glob("*.png")}
    for name in [*(name for name in known if name in paths), *(name for name in sorted(paths) if name not in known)]:
        yield stored(paths[name], known.get(name, name.replace("_", " ")))
