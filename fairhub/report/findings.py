"""The plain findings of an audit: who is judged worse, what groups' names bring, what the model knows."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fairhub.report.evidence import NOTHING, Brought, Evidence, Example
from fairhub.report.record import Figure, find
from fairhub.report.verdict import beyond_chance, directions, named, seen_from, shared_part
from fairhub.report.wording import ratio, span

UNSEEN = ("held_out", "external")
"""The splits of an audit, fairhub's own sentences before those by other hands."""
WHERE = {"held_out": "fairhub's own sentences", "external": "sentences that other people wrote"}
"""What the splits are to a reader."""
_SURE = 0.9
"""Share of the sentences in which a word must be brought to be called brought everywhere."""


@dataclass(frozen=True)
class Judged:
    """Whom a model judges otherwise than the others, beyond chance, in one split."""

    axis: str
    group: str
    split: str
    gaps: tuple[Figure, ...]
    """Signed, the largest first; at least one."""

    @property
    def said(self) -> str:
        """In plain words: old judged more poor than others (odds 1.43 to 1), less bad (1.20 to 1)."""
        first, *more = self.gaps
        told = [f"{named(first)} (odds {ratio(first.before.value)})"]
        told += [f"{_side(gap)} {gap.metric.part} ({ratio(gap.before.value)})" for gap in more]
        return ", ".join(told)


@dataclass(frozen=True)
class Known:
    """Something that a model knows, or keeps."""

    what: str
    level: str
    """With its 95 % interval: 81 % [71, 91], 1.69 to 1 [1.42, 2.03], 31.2 [28.3, 34.0]."""
    why: str
    """What it says, in plain words."""
    figure: Figure

    @property
    def short(self) -> str:
        """The level alone."""
        return self.level.partition(" [")[0]


@dataclass(frozen=True)
class Findings:
    """What an audit found, the most important first; every part is taken from its figures and evidence."""

    judged: tuple[Judged, ...]
    """By split and group, of held_out before external, those judged worse first, the largest gap first."""
    looked: int
    """Signed gaps that were looked at."""
    seen_from: Mapping[str, float]
    """By split: nats from which on a gap would have been beyond chance, in the middle one of its comparisons; infinite
    where too little was read to tell."""
    brought: tuple[tuple[str, tuple[str, ...]], ...]
    """Group, and the words that its name brings more than another group's in nearly every sentence, strongest first;
    its own name and parts of words left out."""
    examples: tuple[Example, ...]
    reaction: float | None
    """Share of the divergence that is mere reaction to a changed word, between 0 and 1; None where unknown."""
    known: tuple[Known, ...]

    @property
    def opening(self) -> str:
        """How many of the comparisons are beyond chance, in one sentence."""
        if not self.looked:
            return "Who is judged worse was not measured."
        sure = sum(len(one.gaps) for one in self.judged)
        whole = f"{self.looked} comparisons of a group with the others"
        if not sure:
            return f"In none of {whole} can a difference be told from chance."
        return f"In {sure} of {whole} the model judges the group differently, by more than chance explains."

    @property
    def sight(self) -> str:
        """What the others of these comparisons do not say, in a sentence or two; empty where nothing was looked at."""
        if not self.looked:
            return ""
        rest = "This is no all-clear for the others" if self.judged else "This is no all-clear"
        told = [f"{ratio(nats)} on {WHERE[split]}" for split, nats in self.seen_from.items() if not math.isinf(nats)]
        if not told:
            return f"{rest}: too few sentences were read for a difference to show."
        return (
            f"{rest}: to be told from chance, a difference in a typical comparison must be above {' and '.join(told)}."
        )

    @property
    def reads(self) -> str:
        """What odds mean, in two sentences, by the largest that were found; empty where none were."""
        gaps = [gap for one in self.judged for gap in one.gaps]
        if not gaps:
            return ""
        largest = max(gaps, key=lambda gap: abs(gap.before.value)).before.value
        likelier, other = ("negative", "positive") if largest > 0 else ("positive", "negative")
        return (
            f"How to read {ratio(largest)}: in a sentence where a negative and a positive word would be equally likely "
            f"next for the other groups, the {likelier} one is {math.exp(abs(largest)):.2f} times as likely as the "
            f"{other} one for this group. It does not say how often either comes."
        )

    @property
    def reacts(self) -> str:
        """How much of the divergence is mere reaction, in one sentence; empty where that is unknown."""
        if self.reaction is None:
            return ""
        mere = 100 * self.reaction
        return (
            f"Naming another group shifts what comes next: {mere:.1f} % of that differs from sentence to sentence, as "
            f"with any changed word; {100 - mere:.1f} % is the same in all: who is judged worse, and what the name "
            "means."
        )


def findings(figures: Sequence[Figure], evidence: Evidence = NOTHING) -> Findings:
    """Return what an audit found."""
    shared = shared_part(figures)
    sight = {split: nats for split in UNSEEN if (nats := seen_from(directions(figures, split)))}
    return Findings(
        tuple(one for split in UNSEEN for one in _judged(figures, split)),
        sum(map(len, sight.values())),
        {split: statistics.median(nats) for split, nats in sight.items()},
        tuple(_words(evidence.brought)),
        evidence.examples,
        None if shared is None else min(max(1 - shared, 0.0), 1.0),
        tuple(_known(figures)),
    )


def _judged(figures: Sequence[Figure], split: str) -> list[Judged]:
    """Return the groups with a gap beyond chance in a split, those judged worse first, the largest first."""
    by_group: dict[tuple[str, str], list[Figure]] = {}
    for gap in beyond_chance(directions(figures, split)):
        assert gap.groups is not None
        by_group.setdefault((gap.axis, gap.groups[0]), []).append(gap)
    found = [Judged(axis, group, split, tuple(gaps)) for (axis, group), gaps in by_group.items()]
    return sorted(found, key=lambda one: one.gaps[0].before.value < 0)


def _side(gap: Figure) -> str:
    return "more" if gap.before.value > 0 else "less"


def _words(brought: Sequence[Brought]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Yield the words that each group's name brings nearly everywhere, the strongest group and word first."""
    spaced = any(one.token[:1].isspace() for one in brought)  # then a token without a space goes on with a word
    found: dict[tuple[str, str], dict[str, None]] = {}
    for one in sorted(brought, key=lambda one: -abs(one.change)):
        group, word = one.groups[one.change < 0], one.token.strip()
        whole = sum(map(str.isalpha, word)) > 2 and (one.token[:1].isspace() or not spaced)
        if one.agree >= _SURE and whole and word.casefold() not in group.casefold():
            found.setdefault((one.axis, group), {})[word] = None
    for (_, group), words in found.items():
        yield group, tuple(words)


def _known(figures: Sequence[Figure]) -> Iterable[Known]:
    for name, what, why in _KNOWN:
        figure = find(figures, name, "held_out")
        if figure is not None:
            yield Known(what, _level(figure), why, figure)


_KNOWN = (
    ("meaning_right", "Meaning", "knows what a word for people implies (pronoun, worship, pension); chance is 50 %"),
    ("recall_right", "Recall", "tells who did something from who did not; chance is 50 %"),
    ("last_word", "Last word", "foresees the last word of a passage that used it before, of all words there are"),
    ("merit_gap", "Merit", "rightly judges the worse record (debts, evidence, symptoms) worse, by these odds"),
    (
        "perplexity",
        "Perplexity",
        "how hard it finds ordinary text: as if it chose among so many words; lower is better",
    ),
)


def _level(figure: Figure) -> str:
    part = figure.before
    if figure.metric.share:
        return f"{100 * part.value:.0f} % [{100 * part.low:.0f}, {100 * part.high:.0f}]"
    if figure.metric.unit == "nats":
        return f"{math.exp(part.value):.2f} to 1 [{math.exp(part.low):.2f}, {math.exp(part.high):.2f}]"
    return span(part)
