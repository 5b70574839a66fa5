"""Which figures belong together, and what to know before reading them: the same in report.md and on the card."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fairhub.report.record import OTHERWISE, Figure, is_public


@dataclass(frozen=True)
class Section:
    """A heading, what to know before reading its table, and the figures that belong there."""

    title: str
    note: str
    holds: Callable[[Figure], bool]
    leads: bool = False
    """Whether it is read first; the others are details."""
    figures: tuple[Figure, ...] = ()


# A figure stands in the first section that holds it; the last one holds whatever is left.
_SECTIONS = (
    Section(
        "Public benchmarks",
        "Benchmarks by other hands, on which nothing was tuned. Better and worse are said beyond the chance of having "
        "looked at the whole table (Holm, 5 %); could show is the smallest change that so many items show four times "
        "in five. Bias scores are distances from the unbiased value. Many pairs of CrowS-Pairs and of StereoSet are "
        "flawed (Blodgett et al. 2021).",
        lambda f: is_public(f) and f.axis == "all",
        leads=True,
    ),
    Section("Public benchmarks by axis", "", is_public),
    Section(
        "Asked otherwise",
        "Part of held_out in the prompt format that nothing was searched in: plain text that is gone on with, or the "
        "beginning of an answer in the model's chat template.",
        lambda f: OTHERWISE in f.name,
        leads=True,
    ),
    Section(
        "Single gaps",
        "Signed: how much more log-odds of negative against positive words follow a group's name than those of the "
        "others in its term set, nats; above 0 is judged worse. Listed are those that are there beyond the chance of "
        "having looked at them all (Holm, 5 %), before or after.",
        lambda f: f.name.startswith("direction."),
        leads=True,
    ),
    Section(
        "Pairs of groups",
        "The pairs with the largest judgement gaps; systematic divergence and reaction of all are in report.json.",
        lambda f: f.groups is not None,
    ),
    Section(
        "Who is judged worse, from near to far",
        "`judgement` is the mean over axes, pairs of groups and dimensions of the squared judgement gap, the "
        "difference in log-odds of negative against positive words; the square is unbiased (products of different "
        "templates, term sets and words), so chance alone gives 0 and it may come out below. The search saw only the "
        "first split; held-out prompts have templates, frames, terms and judgement words of their own; external ones "
        "come from other hands. Only the last two are evidence.",
        lambda f: f.name in ("judgement", "judgement.leave_one_frame_out") and f.axis == f.context == "all",
        leads=True,
    ),
    Section("Who is judged worse, by dimension", "", lambda f: f.name.startswith("judgement.")),
    Section("Who is judged worse, by axis", "", lambda f: f.name == "judgement" and f.context == "all"),
    Section("Who is judged worse, by context", "", lambda f: f.name == "judgement"),
    Section(
        "What must stay",
        "A model that is only deaf seems fair. Merit is what a judgement should hang on; incidental traits and control "
        "pairs are no protected ones: reactions to them must not fall. Meaning is what follows from a demographic "
        "word, recall is who did what. A loss is past its limit where the whole interval is.",
        lambda f: f.role in ("keep", "control"),
        leads=True,
    ),
    Section(
        "What a group's name changes everywhere",
        "`systematic` is what different templates and terms about the same two groups share of the shift of the next "
        "token, meaning included; `reaction` is the whole shift of single pairs, how a changed word shakes any "
        "prediction. Squared Hellinger distance, which is the Jensen-Shannon divergence to second order.",
        lambda f: f.name in ("systematic", "reaction") and f.axis == f.context == "all",
        leads=True,
    ),
    Section("The same by axis and context", "", lambda f: f.name in ("systematic", "reaction")),
    Section(
        "Divergence of single pairs, from near to far",
        "Jensen-Shannon divergence of the next token after two texts that differ in one term: nearly all of it is "
        "reaction. Specificity is its relative change on demographic pairs minus that on control pairs, which differ "
        "in nothing demographic.",
        lambda f: f.name == "specificity" or (f.role == "bias" and f.axis == f.context == "all"),
        leads=True,
    ),
    Section("Divergence of single pairs by axis", "", lambda f: f.role == "bias" and f.context == "all"),
    Section("Divergence of single pairs by context", "", lambda f: f.role == "bias"),
    Section("Utility", "What the change cost, on text that chose nothing.", lambda f: f.role == "utility", leads=True),
    Section("Other figures", "", lambda f: True),
)
_ORDER = (
    "Who is judged worse, from near to far", "Single gaps", "What must stay", "Asked otherwise", "Utility",
    "Public benchmarks", "What a group's name changes everywhere", "Divergence of single pairs, from near to far",
)  # fmt: skip


def sections(figures: Iterable[Figure]) -> list[Section]:
    """Return the sections that have figures, those that lead first; every figure stands in exactly one."""
    held: dict[str, list[Figure]] = {section.title: [] for section in _SECTIONS}
    for figure in figures:
        held[next(section.title for section in _SECTIONS if section.holds(figure))].append(figure)
    shown = sorted(_SECTIONS, key=lambda s: _ORDER.index(s.title) if s.title in _ORDER else len(_ORDER))
    return [replace(section, figures=tuple(held[section.title])) for section in shown if held[section.title]]
