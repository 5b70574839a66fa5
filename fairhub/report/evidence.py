"""What stands behind the figures of an audit, word by word: pairs of texts, and what groups' names bring."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairhub.report.wording import share


@dataclass(frozen=True)
class Example:
    """Two texts that differ in whom they are about, and what the model says of either."""

    axis: str
    dimension: str
    """What they are judged by, named by the worse pole: criminal, poor ..."""
    split: str
    groups: tuple[str, str]
    """Whom the texts are about; the first is judged worse here."""
    texts: tuple[str, str]
    """They end where a judgement comes next."""
    odds: tuple[float, float]
    """Of the dimension's negative words against its positive ones as the next word, after each text (geometric
    means)."""
    word: str
    """The negative word whose probability differs most."""
    shares: tuple[float, float]
    """Its probability after each text."""

    @property
    def ratio(self) -> float:
        """How many times as large the odds of a negative word are after the first text as after the second."""
        return self.odds[0] / self.odds[1]

    @property
    def parts(self) -> tuple[str, tuple[str, str], str]:
        """What both texts begin with, what differs in either, and what both end with, in whole words."""
        one, other = (text.split() for text in self.texts)
        begin = _alike(one, other)
        end = _alike(one[begin:][::-1], other[begin:][::-1])
        differ = (" ".join(words[begin : len(words) - end]) for words in (one, other))
        return " ".join(one[:begin]), (next(differ), next(differ)), " ".join(one[len(one) - end :])

    @property
    def said(self) -> str:
        """The example in one sentence."""
        first, second = self.parts[1]
        return (
            f"({self.dimension}): after “{self.texts[0]}” the odds of a negative word are {self.ratio:.2f} times those "
            f"with “{second}” in place of “{first}”; “{self.word}” comes next with {share(self.shares[0])} against "
            f"{share(self.shares[1])}"
        )


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many words two texts begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@dataclass(frozen=True)
class Brought:
    """A token that the name of one group brings more than that of another."""

    axis: str
    groups: tuple[str, str]
    token: str
    change: float
    """Mean difference of square-root probabilities: above 0 where the first group's name brings it."""
    agree: float
    """Share of the cells in which the sign is that of the mean."""
    cells: int


@dataclass(frozen=True)
class Evidence:
    """The examples and the words of one audit."""

    examples: tuple[Example, ...] = ()
    """The strongest, at most three, of several axes where there are."""
    brought: tuple[Brought, ...] = ()
    """On held_out, of pairs of groups that enough cells compare."""


NOTHING = Evidence()
"""Of an audit of which nothing but the figures is known."""
