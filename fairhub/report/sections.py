"""Which figures belong together, and what to know before reading them: the same in report.md and on the card."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from fairhub.report import metrics
from fairhub.report.record import Figure


@dataclass(frozen=True)
class Section:
    """A heading, what to know before reading its table, and the figures that belong there."""

    title: str
    note: str
    metrics: metrics.Section | None
    """Where its metrics are declared to stand; None for any."""
    holds: Callable[[Figure], bool] = lambda _: True
    """Which figures of them."""
    leads: bool = False
    """Whether it is read first; the others are details."""
    figures: tuple[Figure, ...] = ()


def _whole(figure: Figure) -> bool:
    return figure.axis == figure.context == "all"


def _over_contexts(figure: Figure) -> bool:
    return figure.context == "all"


# A figure stands in the first section that holds it; the last one holds whatever is left.
_SECTIONS = (
    Section(
        "Public benchmarks",
        "Benchmarks by other hands, on which nothing was tuned. Better and worse are said beyond the chance of having "
        "looked at the whole table (Holm, 5 %); could show is the smallest change that so many items show four times "
        "in five. Bias scores are distances from the unbiased value. Many pairs of CrowS-Pairs and of StereoSet are "
        "flawed (Blodgett et al. 2021).",
        "public",
        lambda f: f.axis == "all",
        leads=True,
    ),
    Section("Public benchmarks by axis", "", "public"),
    Section(
        "Asked otherwise",
        "Part of held_out in the prompt format that nothing was searched in: plain text that is gone on with, or the "
        "beginning of an answer in the model's chat template.",
        "otherwise",
        leads=True,
    ),
    Section(
        "Single gaps",
        "Signed: how much more log-odds of negative against positive words follow a group's name than those of the "
        "others in its term set, nats; above 0 is judged worse. Listed are those that are there beyond the chance of "
        "having looked at them all (Holm, 5 %), before or after.",
        "gaps",
        leads=True,
    ),
    Section(
        "Pairs of groups",
        "The pairs with the largest judgement gaps; systematic divergence and reaction of all are in report.json.",
        None,
        lambda f: f.groups is not None,
    ),
    Section(
        "Who is judged worse, from near to far",
        "`judgement` is the mean over axes, pairs of groups and dimensions of the squared judgement gap, the "
        "difference in log-odds of negative against positive words; the square is unbiased (products of different "
        "templates, term sets and words), so chance alone gives 0 and it may come out below. The search saw only the "
        "first split; held-out prompts have templates, frames, terms and judgement words of their own; external ones "
        "come from other hands. Only the last two are evidence.",
        "judged",
        lambda f: not f.metric.part and _whole(f),
        leads=True,
    ),
    Section("Who is judged worse, by dimension", "", "judged", lambda f: bool(f.metric.part)),
    Section("Who is judged worse, by axis", "", "judged", _over_contexts),
    Section("Who is judged worse, by context", "", "judged"),
    Section(
        "What must stay",
        "A model that is only deaf seems fair. Merit is what a judgement should hang on; incidental traits and control "
        "pairs are no protected ones: reactions to them must not fall. Meaning is what follows from a demographic "
        "word, recall is who did what. A loss is past its limit where the whole interval is.",
        "kept",
        leads=True,
    ),
    Section(
        "What a group's name changes everywhere",
        "`systematic` is what different templates and terms about the same two groups share of the shift of the next "
        "token, meaning included; `reaction` is the whole shift of single pairs, how a changed word shakes any "
        "prediction. Squared Hellinger distance, which is the Jensen-Shannon divergence to second order.",
        "everywhere",
        _whole,
        leads=True,
    ),
    Section("The same by axis and context", "", "everywhere"),
    Section(
        "Divergence of single pairs, from near to far",
        "Jensen-Shannon divergence of the next token after two texts that differ in one term: nearly all of it is "
        "reaction. Specificity is its relative change on demographic pairs minus that on control pairs, which differ "
        "in nothing demographic.",
        "pairs",
        lambda f: f.metric.points or _whole(f),
        leads=True,
    ),
    Section("Divergence of single pairs by axis", "", "pairs", _over_contexts),
    Section("Divergence of single pairs by context", "", "pairs"),
    Section("Utility", "What the change cost, on text that chose nothing.", "utility", leads=True),
    Section("Other figures", "", None),
)
_ORDER = (
    "Who is judged worse, from near to far", "Single gaps", "What must stay", "Asked otherwise", "Utility",
    "Public benchmarks", "What a group's name changes everywhere", "Divergence of single pairs, from near to far",
)  # fmt: skip


def sections(figures: Iterable[Figure]) -> list[Section]:
    """Return the sections that have figures, those that lead first; every figure stands in exactly one."""
    held: dict[str, list[Figure]] = {section.title: [] for section in _SECTIONS}
    for figure in figures:
        held[next(section.title for section in _SECTIONS if _holds(section, figure))].append(figure)
    shown = sorted(_SECTIONS, key=lambda s: _ORDER.index(s.title) if s.title in _ORDER else len(_ORDER))
    return [_with(section, held[section.title]) for section in shown if held[section.title]]


def _holds(section: Section, figure: Figure) -> bool:
    return section.metrics in (None, figure.metric.section) and section.holds(figure)


def _with(section: Section, figures: Sequence[Figure]) -> Section:
    """Return a section with its figures, and with what its metrics add to the note of one that leads."""
    notes = dict.fromkeys(figure.metric.note for figure in figures if section.leads and figure.metric.note)
    return replace(section, note=" ".join([section.note, *notes]), figures=tuple(figures))
