"""report.md: the whole report for a stranger, failures as plainly as gains."""

from collections.abc import Sequence

from fairhub.report import tables
from fairhub.report.dials import dial_tables
from fairhub.report.markup import safe
from fairhub.report.prompting import prompting
from fairhub.report.provenance import provenance
from fairhub.report.record import Figure, Report, count_units
from fairhub.report.sections import sections
from fairhub.report.surrogates import surrogate_tables
from fairhub.report.transfer import transfer_section
from fairhub.report.use_case import use_case
from fairhub.report.wording import amount, erases, everywhere, named


def markdown(report: Report) -> str:
    """Write report.md: what changed, how sure, what it cost, where it does not carry over."""
    parts = [
        f"# Fairness report: {safe(report.base_model.get('id', 'a model'))}",
        f"**{safe(report.verdict)}**",
        use_case(report),
        _summary(report),
        prompting(report),
        *(_section(s.title, s.note, tables.figures_table(s.figures)) for s in sections(report.figures)),
        _section("The words that a group's name brings", _BROUGHT, tables.brought_table(report)),
        _shortfalls(report.figures),
        transfer_section(report.transfer) if report.transfer else "",
        _section("Against other choices", _OTHERS, _others(report)),
        _section("How repeatable the scores are", _AGREEMENT, tables.reliability_table(report)),
        _section("What whole heads carry", _HEADS, tables.heads_table(report)),
        *(_section(title, note, table) for title, note, table in surrogate_tables(report)),
        _section("What there was to choose from", _FRONT, tables.choices_table(report)),
        *(_section(title, note, table) for title, note, table in dial_tables(report)),
        _section("What it writes", "", tables.texts_table(report.text) if report.text else ""),
        provenance(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


_BROUGHT = (
    "Tokens whose probability differs most between the two groups in the base model, over all held-out texts that "
    "compare them, with the share of texts that agree: what of it is meaning, and what is a stereotype, a reader sees."
)


def _others(report: Report) -> str:
    if not report.controls:
        return ""
    every = f"<details><summary>Every figure of them</summary>\n\n{tables.controls_table(report)}\n\n</details>"
    return "\n\n".join(part for part in (tables.others_table(report), every) if part)


_OTHERS = (
    "What did it, and what other ways do under the same proof, on part of it: changes on held-out prompts, with 95 % "
    "intervals. Parts of the repair alone, as many units chosen otherwise; of an erasure, as much erased for every "
    "reader, not only those that judge, and an edit of the same size in random directions. Of several seeds, pairs and "
    "text are averaged, and the first is read for judgements and for what must stay."
)
_AGREEMENT = "Rank correlation of the scores that chose the units; 1 is perfect, 0 is chance."
_HEADS = (
    "First-order, on search: the share of the harm that a head's removal alone would take, and what it would change of "
    "what must stay, as a multiple of what the whole edit changes of that."
)
_FRONT = (
    "Candidates on the select split, one row each, from which one was chosen. They are the best of "
    "many looks and so flatter themselves: they carry no intervals and prove nothing. One that was surely past a "
    "limit was not asked for more."
)


def _section(title: str, note: str, table: str) -> str:
    return "\n\n".join(part for part in (f"## {title}", note, table) if part) if table else ""


def _summary(report: Report) -> str:
    units = count_units(report.pruning)
    removed = " and ".join(amount(count, kind) for kind, count in units.items()) or "nothing"
    share = report.parameters.get("share")
    size = f" ({100 * share:.3g} % of the parameters)" if units and share is not None else ""
    healed = ", and the columns that stay were refitted (healed)" if report.healing else ""
    if erases(report.healing):
        healed = ", and the output weights of attention were edited (two-sided erasure)"
    if everywhere(report.healing):
        healed += ", also of what a group's name changes everywhere, which is meaning in part"
    return (
        f"Method `{named(report)}`, seed {report.seed}, removed {removed}{size}{healed}. "
        "Brackets are 95 % intervals, drawn over clusters of related prompts; p is two-sided and "
        "not adjusted for the number of rows. What was not measured is not listed."
    )


def _shortfalls(figures: Sequence[Figure]) -> str:
    """Where bias, unseen, did not demonstrably fall: said in sentences, because tables hide it."""
    unseen = tables.unseen_bias(figures)
    if not unseen:
        return ""
    lines = tables.shortfalls(unseen, unseen)
    good = len(unseen) - len(lines)
    count = f"{good} of {amount(len(unseen), 'bias figure')} on unseen prompts improved by the whole interval."
    listed = "\n".join(lines) or "None failed. Prompts unlike these were not measured."
    return f"## Where it does not carry over\n\n{count}\n\n{listed}"
