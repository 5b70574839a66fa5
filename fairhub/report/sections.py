"""Which figures belong together, and what to know before reading them: the same in report.md and on the card."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fairhub.report.record import Figure, is_public


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
        "Control pairs and specificity",
        "Control pairs differ in nothing demographic: where they fall as much, the model became duller and "
        "not fairer. Specificity is the relative change on demographic pairs minus that on control pairs.",
        lambda f: f.axis == "control" or f.role == "control" or f.name == "specificity",
        leads=True,
    ),
    Section(
        "Bias, from near to far",
        "The search saw only the first split; held-out prompts have templates, frames and terms of their "
        "own; external ones come from sources by other hands. Only the last two are evidence.",
        lambda f: f.role == "bias" and f.axis == f.context == "all",
        leads=True,
    ),
    Section("Bias by axis", "", lambda f: f.role == "bias" and f.context == "all"),
    Section("Bias by context", "", lambda f: f.role == "bias"),
    Section("Utility", "What the change cost, on text that chose nothing.", lambda f: f.role == "utility", leads=True),
    Section("Other figures", "", lambda f: True),
)
_ORDER = ("Bias, from near to far", "Control pairs and specificity", "Public benchmarks", "Utility")


def sections(figures: Iterable[Figure]) -> list[Section]:
    """Return the sections that have figures, those that lead first; every figure stands in exactly one."""
    held: dict[str, list[Figure]] = {section.title: [] for section in _SECTIONS}
    for figure in figures:
        held[next(section.title for section in _SECTIONS if section.holds(figure))].append(figure)
    shown = sorted(_SECTIONS, key=lambda s: _ORDER.index(s.title) if s.title in _ORDER else len(_ORDER))
    return [replace(section, figures=tuple(held[section.title])) for section in shown if held[section.title]]
