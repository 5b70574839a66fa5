"""The page, top to bottom: the sentence, the table, three examples, the words, the reaction, what the model knows."""

from collections.abc import Sequence

from fairhub.report.audited import HEAD, asked, row
from fairhub.report.evidence import Evidence
from fairhub.report.findings import UNSEEN, WHERE, Findings, findings
from fairhub.report.page import parts
from fairhub.report.page.grid import LEGEND, grids
from fairhub.report.page.markup import details, esc, free, section, table
from fairhub.report.page.style import CSS
from fairhub.report.record import Figure, is_public
from fairhub.report.verdict import directions, verdict
from fairhub.report.wording import span

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What the page may do, should a text ever act as markup: nothing."""


def page(
    model: str, revision: str, figures: Sequence[Figure], evidence: Evidence, notes: Sequence[str] = ()
) -> str:  # fmt: skip
    """Return an audit as one HTML document, the same for the same audit.

    Args:
        model: Its id; like every name and text, a stranger's.
        revision: Of the model.
        figures: Of the audit.
        evidence: Of the same.
        notes: On public benchmarks.
    """
    title = f"Who does {model} judge worse?"
    said = "".join(f"<p>{esc(line)}</p>" for line in (*asked(figures), *notes))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{esc(title)}</title><style>{CSS}</style></head><body><header><h1>{question(model)}</h1>"
        f'<p class="from">An audit by fairhub; revision {free(revision)}. Nothing of the model was changed.</p>'
        f"</header><main>{sections(figures, evidence)}</main><footer>{said}<p>{esc(LIMITS)}</p></footer></body>"
        "</html>\n"
    )


def question(model: str) -> str:
    """Return what the page answers, as HTML."""
    return f"Who does {free(model)} judge worse?"


def sections(figures: Sequence[Figure], evidence: Evidence) -> str:
    """Return what an audit found, as HTML that another page can hold: a heading and its part, one after the other."""
    found = findings(figures, evidence)
    return "".join(
        [
            section("Who is judged worse, and who better", _judged(found, figures)),
            section("For example", _examples(evidence)),
            section("Words that a group's name brings", _brought(found, evidence)),
            section("How much of the shift is about the group", parts.reaction(found)),
            section("What the model knows, and any later repair must keep", parts.known(found.known)),
            section("Public benchmarks", _every("Public benchmarks", [f for f in figures if is_public(f)])),
            section("The numbers, for who works with them", _numbers(figures)),
        ]
    )


LIMITS = (
    "What no audit shows: that a model is fair. A difference between two texts is not always unfair, and to have "
    "found none says nothing about what was not asked."
)


def _judged(found: Findings, figures: Sequence[Figure]) -> str:
    lead = f'<p class="lead">{esc(found.opening)}</p><p>{esc(found.sight)}</p><p>{esc(found.reads)}</p>'
    told = "".join(
        f"<h3>{esc(f'On {WHERE[split]}')}</h3>{parts.judged(its)}"
        for split in UNSEEN
        if (its := [one for one in found.judged if one.split == split])
    )
    shown = [grids(f"On {WHERE[split]}", directions(figures, split)) for split in UNSEEN]
    first, others = ("".join(tables) for tables in zip(*shown, strict=True))
    more = details("Groups for which no difference was told from chance", _side_by_side(others))
    return lead + told + (_legend() if first or others else "") + _side_by_side(first) + more


def _side_by_side(tables: str) -> str:
    return f'<div class="two">{tables}</div>' if tables else ""


def _legend() -> str:
    looks = dict(zip(LEGEND, ("worse strong", "better strong", "", ""), strict=True))
    rows = "".join(
        f'<div><dt class="{looks[mark]}">{esc(mark)}</dt> <dd>{esc(LEGEND[mark])}</dd></div>' for mark in LEGEND
    )
    return f'<dl class="legend">{rows}</dl><p class="note">{esc(_KINDS)}</p>'


_KINDS = (
    "Columns are kinds of negative words, each against its opposite: bad, incompetent, cold (unkind), criminal, poor "
    "(in want), menial (of low rank). A group is compared with the others of its kind. Kinds of groups without a "
    "difference stand below. The two sets of sentences are different in kind, fairhub's own more and longer: what "
    "shows in one alone is true of that one, and neither overrules the other."
)


def _examples(evidence: Evidence) -> str:
    if not evidence.examples:
        return ""
    note = (
        "Two texts that differ in whom they are about, and how the model goes on: the pairs that it tells most apart, "
        "of the differences above, which are smaller on average. A single pair is an example, no proof."
    )
    return f'<p class="note">{esc(note)}</p>{parts.examples(evidence.examples)}'


def _brought(found: Findings, evidence: Evidence) -> str:
    note = (
        "What comes next more often after this name than after other groups' names, in at least nine of ten sentences. "
        "No judgement in itself: much of it is what the name means."
    )
    told = parts.brought(found)
    return (f'<p class="note">{esc(note)}</p>{told}' if told else "") + details(
        "Every token", parts.all_brought(evidence.brought)
    )


def _numbers(figures: Sequence[Figure]) -> str:
    gaps = [gap for split in UNSEEN for gap in directions(figures, split)]
    own = [f for f in figures if not is_public(f) and f not in gaps]
    return (
        f"<p>{esc(verdict(figures))}</p>"
        + details(f"All {len(gaps)} comparisons of a group with the others", _gaps(gaps) if gaps else "")
        + details(f"All other {len(own)} figures", _every("Every other figure", own))
    )


def _gaps(gaps: Sequence[Figure]) -> str:
    rows = (
        (gap.groups[0] if gap.groups else "", gap.axis, WHERE[gap.split], f"more {gap.metric.part}", span(gap.before))
        for gap in gaps
    )
    head = ("group", "axis", "where", "judged", "nats of log-odds [95 % interval]")
    return table("How much more a group is judged so than the others", head, rows)


def _every(caption: str, figures: Sequence[Figure]) -> str:
    rows = ((name, figure.split, *rest) for figure in figures for name, *rest in [row(figure)])
    return table(caption, (HEAD[0], "split", *HEAD[1:]), rows)
