"""The frozen values of a run: figures with their intervals, controls, and the report that holds them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fairhub.errors import UserError
from fairhub.report.metrics import Metric, metric_of
from fairhub.stats.bounds import LEAST
from fairhub.stats.statistics import Change, Interval

SCHEMA = 2
SPLITS = ("search", "select", "held_out", "external")  # from near to far

Groups = tuple[str, str]
Outcome = Literal["better", "worse", "less reaction", "more reaction", "not shown", "not compared"]
REACTS: tuple[Outcome, Outcome] = ("less reaction", "more reaction")
"""What became of reaction that fell, or rose: neither is better or worse."""


@dataclass(frozen=True)
class Figure:
    """One measured number: what it is, on what, how sure, and what became of it.

    Figures that compare a model with its base (`kl`, `specificity`) are exactly 0 before, by definition,
    and hold their interval in `after`.

    Raises:
        UserError: for a number without a finite interval, or a direction that is neither lower nor higher.
    """

    name: str
    """What is measured: divergence, perplexity, specificity…"""
    role: str
    """bias; reaction (of which less is no better); keep or control (what must stay); utility."""
    split: str
    """search, select, held_out or external."""
    axis: str
    """gender, race…; `all` (which never includes `control`); or `control`."""
    context: str
    """hiring, lending… or `all`."""
    better: Literal["lower", "higher"]
    unit: str
    """Unit of before, after and change.value; empty for a bare number."""
    items: int
    """Probes, chunks or questions measured."""
    clusters: int
    """Independent groups of items: what the interval was drawn from."""
    before: Interval
    after: Interval | None
    """None in an audit."""
    change: Change | None
    """None in an audit, and where before is 0 by definition."""
    groups: Groups | None = None
    """The two groups that it compares; None where it is a mean over all that were measured."""
    limit: float | None = None
    """How much of it may be lost, relative: 0.05 is 5 %; None where nobody set a limit."""
    freedom: float | None = None
    """Degrees of freedom of the interval before, where it is Student's; None where it is not."""

    def __post_init__(self) -> None:
        """Refuse a figure without an interval."""
        if self.better not in ("lower", "higher"):
            raise UserError(f"better is 'lower' or 'higher'; {self.label} has {self.better!r}; name its direction")
        parts = [self.before, *(part for part in (self.after, self.change) if part is not None)]
        for part in parts:
            if not _sure(part):
                raise UserError(f"no figure without an interval; {self.label} has {part}; leave it out")
        if self.limit is not None and not (isinstance(self.limit, int | float) and 0 <= self.limit < math.inf):
            raise UserError(f"a limit is a share that may be lost; {self.label} has {self.limit!r}; give 0.05 for 5 %")
        if (self.difference is None) != (self.after is None):
            raise UserError(f"before, after and change go together; {self.label} lacks one; measure all")

    @property
    def metric(self) -> Metric:
        """What was declared of its name."""
        return metric_of(self.name, self.axis)

    @property
    def label(self) -> str:
        """Name and place, for messages."""
        between = f", {self.groups[0]} and {self.groups[1]}" if self.groups else ""
        return f"{self.name} ({self.split}, axis {self.axis}, context {self.context}{between})"

    @property
    def difference(self) -> Interval | Change | None:
        """The change in the figure's own unit; None in an audit."""
        by_definition = self.before == Interval(0, 0, 0)
        return self.after if self.change is None and by_definition else self.change

    @property
    def reacts(self) -> bool:
        """Whether it tells of reaction to a changed word, of which a deaf model has least; reports once called it bias.

        Less of it is neither better nor worse.
        """
        return self.metric.role == "reaction"

    @property
    def carries(self) -> bool:
        """Whether it rests on as many clusters as a word about a change needs."""
        return self.clusters >= LEAST

    @property
    def outcome(self) -> Outcome:
        """Better or worse only where the whole interval of the change says so, over clusters enough to say it."""
        if self.difference is None:
            return "not compared"
        if not self.carries or self.difference.low <= 0 <= self.difference.high:
            return "not shown"
        rose = self.difference.low > 0
        if self.reacts:
            return REACTS[rose]
        if self.metric.signed and self.before.value < 0:
            rose = not rose
        return "better" if rose == (self.better == "higher") else "worse"

    @property
    def lost(self) -> Interval | None:
        """The share of it that was lost, with its interval; below 0 where it grew.

        Where the base's interval reaches 0 no ratio has one, and yet as much may be lost (the base of a family whose
        templates differ widely): then the change, paired item by item, counts against the base's value as it stands.
        None where even the change is known no better than by the whole of the base: nothing is there to be lost.
        """
        if self.change is None:
            return None
        share, base = self.change.share, self.before.value
        if share is None and self.change.high - self.change.value < base:
            share = Interval(self.change.value / base, self.change.low / base, self.change.high / base)
        if share is None or self.better == "lower":
            return share
        return Interval(-share.value, -share.high, -share.low)

    @property
    def past_limit(self) -> bool:
        """Whether more of it was lost than its limit allows, by the whole interval."""
        return self.carries and self.limit is not None and self.lost is not None and self.lost.low > self.limit


@dataclass(frozen=True)
class Control:
    """What another way of choosing as many units does under the same proof (random, importance…)."""

    name: str
    seeds: int
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Report:
    """The one record of a run (schema 2); cards, pictures and the Space read nothing else.

    Free-form parts hold what JSON holds (str, int, float, bool, None, list, dict), so that a report read
    back equals the one written. Optional parts are None where the run had none.
    """

    fairhub: str
    """Version that made it."""
    method: str
    """Recipe: robust, attention_pruning…, or audit."""
    seed: int
    created: str
    """ISO 8601, UTC."""
    base_model: dict[str, Any]
    """id, revision, sha256; `layers` and `heads` (a layer) where known, for the map of units."""
    pruning: list[dict[str, Any]]
    """Removed units: {"kind": "head" or "neuron", "layer", "index"}."""
    parameters: dict[str, Any]
    """total, removed, share (removed / total)."""
    figures: tuple[Figure, ...]
    controls: tuple[Control, ...]
    reliability: dict[str, float]
    """Rank agreement of the unit scores: template (halves of the templates), seed."""
    trace: dict[str, Any]
    """Annealing: energy, best, accepted, temperature (one number a step), surrogate."""
    text: list[dict[str, str]]
    """Continuations: prompt, before, after."""
    cost: dict[str, Any]
    """seconds, forward_equivalents, peak_bytes, device, processes; where layers rested in files, how many bytes_read
    of them, and how often that is all of them (sweeps)."""
    data: list[dict[str, Any]]
    """Sources: name, revision, sha256, licence."""
    versions: dict[str, str]
    verdict: str
    """One plain sentence, from `verdict(figures)`."""
    settings: dict[str, Any] | None = None
    """Arguments of the run."""
    healing: dict[str, Any] | None = None
    """How the columns that stay were refitted."""
    choices: list[dict[str, Any]] | None = None
    """Candidates on select: units (how many), bias_relative (absent where too dear, or the base is near none),
    perplexity_relative, chosen, and texts where it was asked how each goes on; of a method with dials also setting (in
    words); of an erasure also strength, bias_change (nats²), lost (relative, by what must stay) and burden (the largest
    share of a limit surely lost)."""
    brought: list[dict[str, Any]] | None = None
    """Tokens that groups' names bring or take in the base model on held_out: axis, groups, token, change (mean
    difference of square-root probabilities, above 0 where the first group's name brings it), agree (share of the cells
    with that sign), cells."""
    transfer: dict[str, Any] | None = None
    """How far repairs for one context carry to others: the content of transfer.json."""
    schema: int = SCHEMA

    def figure(self, name: str, split: str, axis: str = "all", context: str = "all") -> Figure:
        """Return the figure of that name and place.

        Raises:
            KeyError: where it was not measured; the message says where it was.
        """
        return located(self.figures, name, split, axis, context)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the verdict and the main figures."""
        from fairhub.report.notebook import report_html  # here, as it is built of what stands above

        return report_html(self)


def find(figures: Iterable[Figure], name: str, split: str, axis: str = "all", context: str = "all") -> Figure | None:
    """Return the figure of that name and place, or None where it was not measured."""
    place = (name, split, axis, context, None)
    return next((f for f in figures if (f.name, f.split, f.axis, f.context, f.groups) == place), None)


def located(figures: Sequence[Figure], name: str, split: str, axis: str = "all", context: str = "all") -> Figure:
    """Return the figure of that name and place.

    Raises:
        KeyError: It was not measured; the message says where it was.
    """
    found = find(figures, name, split, axis, context)
    if found is None:
        places = [figure.label for figure in figures if figure.name == name]
        raise KeyError(
            f"{name} was not measured on {split} (axis {axis}, context {context}); "
            f"measured: {', '.join(places) or 'nowhere'}"
        )
    return found


def is_public(figure: Figure) -> bool:
    """Return whether a figure is one of a public benchmark."""
    return figure.metric.public


def headline(figures: Iterable[Figure]) -> str:
    """Return the figure that a report is about: `judgement`, or `divergence` where no judgement was measured.

    Reports of schema 1 had none.
    """
    return "judgement" if any(figure.name == "judgement" for figure in figures) else "divergence"


def searched_axes(figures: Iterable[Figure]) -> list[str]:
    """Return the axes that a search was restricted to, or nothing where it took all."""
    figures = list(figures)
    place = (headline(figures), "search", None)
    axes = {f.axis for f in figures if (f.name, f.split, f.groups) == place and f.role != "control"}
    return [] if "all" in axes else sorted(axes)


def searched(figures: Iterable[Figure], split: str = "held_out") -> list[Figure]:
    """Return the judgement gaps, in one split, of what a search was restricted to; nothing where it took all.

    They are as narrow as what was asked: pairs of groups rather than axes, dimensions rather than all of them.
    """
    figures = [f for f in figures if f.name.partition(".")[0] == "judgement" and f.context == "all"]
    near = [f for f in figures if f.split == "search"]
    for narrow in (lambda f: f.groups is not None, lambda f: f.axis != "all", lambda f: "." in f.name):
        near = [f for f in near if narrow(f)] or near
    places = {(f.name, f.axis, f.groups) for f in near} - {("judgement", "all", None)}
    return [f for f in figures if f.split == split and (f.name, f.axis, f.groups) in places]


def count_units(pruning: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Removed units by kind, heads before neurons."""
    kinds = [unit["kind"] for unit in pruning]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def _sure(part: object) -> bool:
    """Whether it is an interval of finite numbers; a relative change may be missing, never half there."""
    if isinstance(part, Interval):
        numbers: list[float | None] = [part.value, part.low, part.high]
    elif isinstance(part, Change):
        numbers = [part.value, part.low, part.high, part.p]
        shares = [part.relative, part.relative_low, part.relative_high]
        numbers += [] if shares == [None, None, None] else shares
    else:
        return False
    return all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)
