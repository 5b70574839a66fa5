"""A metric, declared once: what it says, how it is read, and where reports, cards and comparisons show it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["bias", "reaction", "keep", "control", "utility", ""]
Section = Literal["judged", "gaps", "kept", "everywhere", "pairs", "utility", "public", "otherwise", "other"]


@dataclass(frozen=True)
class Metric:
    """What is known of a metric before anything was measured."""

    name: str
    words: str
    """What it says, for the card's glossary; empty where nobody declared it."""
    role: Role
    better: Literal["lower", "higher"]
    section: Section
    """Where a report shows it: the families of `fairhub/report/sections.py`."""
    unit: str = ""
    axis: str = "all"
    """`control` where the same name is another metric on control pairs: what must stay, and not what should fall."""
    note: str = ""
    """A sentence that the note above its section ends with."""

    linear: bool = True
    """Whether it is a mean of items, and not a square of a mean."""
    signed: bool = False
    """Whether nearer to 0 is better, from either side."""
    share: bool = False
    """Whether it lies between 0 and 1."""
    points: bool = False
    """Whether it is a difference of shares, which only a change has, shown in percentage points."""
    ranged: bool = False
    """Whether it comes with a range and not with an interval, so that no better or worse is said of it."""

    limit: str = ""
    """The family of `--keep` whose limit it has; empty where nothing of it has to stay."""
    loss: Literal["damaged", "duller"] = "damaged"
    """What a model is that surely lost more of it than its limit."""
    lost: str = ""
    """What is lost then, in the words of the verdict."""

    parts: str = ""
    """What `name.part` says, {part} standing for a dimension; empty where it has no parts."""
    part: str = ""
    """The dimension, of such a part."""
    prompt_format: str = ""
    """The prompt format it was asked in, where that is not the run's own."""
    benchmark: str = ""
    """The public benchmark that it is a figure of."""

    label: str = ""
    """On a terminal, where the name does not fit."""
    short: str = ""
    """On a terminal, beside the name of another way of choosing; empty where it is not shown there."""
    headline: Mapping[str, str] = field(default_factory=dict)
    """By split: its words in the few rows that the card begins with."""
    expected: Mapping[str, str] = field(default_factory=dict)
    """By split (empty: any): what a reader misses who finds no figure declared with these words."""
    alternatives: str = ""
    """Head of its column where ways of choosing stand side by side; empty where it has none."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """By split: head of its column in compare.md."""
    compared: tuple[str, ...] = ()
    """Splits of which compare.json has it."""

    @property
    def public(self) -> bool:
        """Whether it is a figure of a public benchmark."""
        return bool(self.benchmark)
