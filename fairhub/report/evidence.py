"""What stands behind the figures of an audit, word by word: pairs of texts, and what groups' names bring."""

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
    def said(self) -> str:
        """The example in one line."""
        first, second = self.texts
        return (
            f"({self.dimension}): after “{first}” the odds of a negative word are {self.ratio:.2f} times those after "
            f"“{second}”; “{self.word}” comes next with {share(self.shares[0])} against {share(self.shares[1])}"
        )


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
