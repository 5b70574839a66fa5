"""Choosing on select by who is judged worse: the strongest edit that surely keeps within every limit.

A candidate is allowed where each loss of what must stay, at the upper end of a one-sided 90 % interval, is within its
limit: all must pass, so that the chance to let through one that is truly beyond any limit is `RISK` at most, however
many limits there are (an intersection-union test). Candidates are tried from weak to strong, and costs grow along
them: fixed-sequence testing needs no correction (Learn then Test, Angelopoulos et al. 2021).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairhub.compute.engine import fast_matmul, token_loss
from fairhub.edit.healing import patched
from fairhub.edit.repair import Repair
from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.lexicon import Lexicon, lexicon
from fairhub.inputs.probes import CONTROL
from fairhub.measure import keep
from fairhub.measure.divergence import divergences
from fairhub.measure.judgement import figures as judgement
from fairhub.measure.judgement import reading
from fairhub.measure.judgement.reading import Reading
from fairhub.measure.keep import limits_of
from fairhub.methods.choosing import RISK, Cost, Stays, values_of
from fairhub.methods.choosing import Tried as Candidate
from fairhub.report.record import Figure
from fairhub.run.folder import digest
from fairhub.search.task import Plan, Task
from fairhub.stats import statistics
from fairhub.stats.statistics import Change, Interval

_ASKED = 4
"""Candidates of a published method whose losses are asked at most."""
_SHARES = ("meaning_right", "recall_right", "last_word_probability")
"""Shares beside the figure that is chosen by: a few items turn them."""


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate and where it came out on select."""

    strength: float
    judgement: Change
    """Of the judgement gap, squared nats."""
    losses: Mapping[str, tuple[float, float]]
    """By what must stay: the relative loss and the upper end of its one-sided interval; above 0 is lost."""
    limits: Mapping[str, float]

    @property
    def burden(self) -> float:
        """Return the largest share of its limit that anything surely lost: at most 1 where all stays."""
        return _burden(self.losses, self.limits)

    @property
    def helps(self) -> bool:
        """Whether the judgement gap surely fell."""
        return self.judgement.high < 0

    def entry(self, chosen: bool) -> dict[str, Any]:
        """Return the line of the report's `choices`."""
        moved, paid = self.judgement, self.losses["perplexity"]
        base = {} if moved.relative is None else {
            "bias_relative": moved.relative, "bias_high": moved.relative_high,
        }  # fmt: skip
        return {
            "units": 0, "guard": None, "strength": self.strength, **base,
            "control_relative": -self.losses["control"][0] if "control" in self.losses else 0.0,
            "perplexity_relative": paid[0], "perplexity_high": paid[1], "perplexity_bound": paid[1],
            "lost": {name: loss for name, (loss, _) in self.losses.items()}, "burden": self.burden, "chosen": chosen,
        }  # fmt: skip


class Bench:
    """Measures candidates on select; what was measured is remembered by the run."""

    def __init__(self, task: Task, limits: Mapping[str, float], risk: float = RISK) -> None:
        """Measure the base model."""
        self.task, self.limits, self.risk = task, limits, risk
        self.kept = keep.usable(task.loaded, task.choose.choices, task.choose.passages)
        self.control = [p for p in task.select if p.axis == CONTROL]
        self.bar, self.note = task.progress("choosing on select", 6), task.run.notes("choices")
        self.base = self._measured("base", Repair)

    def tried(self, strength: float, build: Callable[[], Repair]) -> Tried | None:
        """Return what an edit of this strength does on select; None where no judgement can be read there.

        It is built where the run does not remember what it does.
        """
        after = self._measured(f"strength_{strength:g}", build)
        gap = self._judgement(after)
        if gap is None or gap.change is None:
            return None
        tried = Tried(strength, gap.change, self._losses(after), self.limits)
        self.note(tried.entry(False))
        return tried

    def burden(self, name: str, build: Callable[[], Repair]) -> float:
        """Return the largest share of its limit that a repair surely took of anything, judgements apart."""
        return _burden(self._losses(self._measured(f"stays_{name}", build)), self.limits)

    def _judgement(self, after: dict[str, np.ndarray]) -> Figure | None:
        before, now = (self._reading("judged", found) for found in (self.base, after))
        made = judgement.figures(before, now, "select", details=False)
        return next((figure for figure in made if figure.name == "judgement"), None)

    def _losses(self, after: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
        traits = [self._reading("traits", found) for found in (self.base, after)]
        values = np.stack([self.base["kept"], after["kept"]])
        found: dict[str, tuple[float, float]] = {}
        for figure in keep.keep_figures(traits, self.kept, values, self.limits, "select"):
            if figure.limit is not None and figure.change is not None and figure.name not in _SHARES:
                found[figure.name] = _loss(figure.lost, figure.freedom or math.inf, self.risk)
        documents = self.task.select_documents[: len(after["loss"])]
        paid = statistics.change(self.base["loss"], after["loss"], documents, transform=np.exp)
        found["perplexity"] = _loss(paid.share, len(set(documents)) - 1, self.risk)
        templates = [probe.template for probe in self.control]
        if len(set(templates)) > 1:
            moved = statistics.change(self.base["control"], after["control"], templates)
            found["control"] = _loss(_negative(moved.share), len(set(templates)) - 1, self.risk)
        return found

    def _asked(self, name: str) -> tuple[Sequence[Cell], Lexicon]:
        """Return where judgements are read and by which words: of groups by those asked for, of merit by all."""
        words, ground = lexicon(self.task.tokenizer, "select"), self.task.choose
        return (ground.cells, words.only(ground.dimensions)) if name == "judged" else (ground.traits, words)

    def _reading(self, name: str, found: dict[str, np.ndarray]) -> Reading:
        arrays = {part: found[f"{name} {part}"][None] for part in reading.PARTS}
        return reading.unflat(*self._asked(name), arrays)[0]

    def _measured(self, name: str, build: Callable[[], Repair]) -> dict[str, np.ndarray]:
        found = self.task.run.arrays(f"kept_{name}", lambda: self._measure(build()))
        self.bar(1)
        return found

    def _measure(self, repair: Repair) -> dict[str, np.ndarray]:
        task = self.task
        found: dict[str, np.ndarray] = {}
        for name in ("judged", "traits"):
            read = reading.read(task.loaded, *self._asked(name), [repair])
            found |= {part: values[0] for part, values in reading.flat(read, name).items()}
        found["kept"] = keep.read(task.loaded, self.kept, [repair])[0]
        with fast_matmul(), patched(task.model, repair.patch):
            found["loss"] = values_of(task, task.select_text, token_loss, repair)
        found["control"] = divergences(task.model, task.batched(self.control), [repair])[0]
        return found


def stays(task: Task, plan: Plan) -> Stays:
    """Return whether a candidate surely keeps within the limits that a user set, on select; all do without any.

    A published method looks at perplexity alone; its own choice stands where nobody asks for more. The risk is split
    over the first `_ASKED` candidates; no other is asked, and none of them is taken.
    """
    benches: list[Bench] = []  # made when one is needed: the base model is measured then
    asked: list[str] = []

    def within(candidate: Candidate, build: Callable[[], Repair]) -> bool:
        if not plan.keep:
            return True
        asked.append(digest(*sorted(candidate.pruning), candidate.strength))
        if len(asked) > _ASKED:
            return False
        benches[:] = benches or [Bench(task, limits_of(plan.keep, plan.budget), RISK / _ASKED)]
        return benches[0].burden(asked[-1], build) <= 1

    return within


def _burden(losses: Mapping[str, tuple[float, float]], limits: Mapping[str, float]) -> float:
    return max(upper / limits[name] for name, (_, upper) in losses.items())


def _loss(lost: Interval | None, freedom: float, risk: float) -> tuple[float, float]:
    """Return a relative loss and its one-sided upper end, from a two-sided 95 % interval of `freedom` degrees."""
    if lost is None:
        return 0.0, 0.0  # there was nothing that could be lost
    return lost.value, Cost(lost.value, lost.low, lost.high, risk, freedom).bound


def _negative(part: Interval | None) -> Interval | None:
    return None if part is None else Interval(-part.value, -part.high, -part.low)
