"""Choosing on select by who is judged worse: the strongest edit that surely keeps within every limit.

A candidate is allowed where each loss of what must stay, at the upper end of a one-sided 90 % interval, is within its
limit: all must pass, so that the chance to let through one that is truly beyond any limit is `RISK` at most, however
many limits there are (an intersection-union test). Candidates are tried from weak to strong, and costs grow along
them: fixed-sequence testing needs no correction (Learn then Test, Angelopoulos et al. 2021).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
from fairhub.methods.saying import Said, Sayings
from fairhub.report.record import Figure
from fairhub.run.folder import digest
from fairhub.search.task import Plan, Task
from fairhub.stats import statistics
from fairhub.stats.statistics import Change, Interval

_ASKED = 4
"""Candidates of a published method whose losses are asked at most."""
_NONE = [np.empty((2, 0))] * 2
_SHARES = ("meaning_right", "recall_right", "last_word_probability")
"""Shares beside the figure that is chosen by: a few items turn them."""


Found = dict[str, np.ndarray]
"""What was measured of a candidate, by its parts."""


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate and where it came out on select."""

    strength: float
    judgement: Change | None
    """Of the judgement gap, squared nats; None where it was not asked, as something was surely lost already."""
    losses: Mapping[str, tuple[float, float]]
    """By what must stay: the relative loss and the upper end of its one-sided interval; above 0 is lost."""
    limits: Mapping[str, float]
    texts: Said = ()
    """How it goes on with what the task shows."""

    @property
    def burden(self) -> float:
        """Return the largest share of its limit that anything surely lost: at most 1 where all stays."""
        return _burden(self.losses, self.limits)

    @property
    def helps(self) -> bool:
        """Whether the judgement gap surely fell."""
        return self.judgement is not None and self.judgement.high < 0

    def entry(self, chosen: bool) -> dict[str, Any]:
        """Return the line of the report's `choices`."""
        moved, paid = self.judgement, self.losses["perplexity"]
        base: dict[str, Any] = {} if moved is None else {"bias_change": moved.value}
        if moved is not None and moved.relative is not None:
            base |= {"bias_relative": moved.relative, "bias_high": moved.relative_high}
        return {
            "units": 0, "guard": None, "strength": self.strength, **base,
            "control_relative": -self.losses["control"][0] if "control" in self.losses else 0.0,
            "perplexity_relative": paid[0], "perplexity_high": paid[1], "perplexity_bound": paid[1],
            "lost": {name: loss for name, (loss, _) in self.losses.items()}, "burden": self.burden, "chosen": chosen,
            **({"texts": list(self.texts)} if self.texts else {}),
        }  # fmt: skip


class Bench:
    """Measures candidates on select; what was measured is remembered by the run.

    One that surely takes more than a limit of anything is asked nothing more: all must pass, so that no further answer
    could let it through. What is short comes first.

    Args:
        task: What a method may see.
        limits: How much may be lost, relative, by what must stay.
        risk: The chance to let through a candidate that is beyond a limit.
        whole: Measure all of every candidate, for a front.
    """

    def __init__(self, task: Task, limits: Mapping[str, float], risk: float = RISK, whole: bool = False) -> None:
        """Measure the base model."""
        self.task, self.limits, self.risk, self.whole = task, limits, risk, whole
        self.said = Sayings(task)
        self.kept = keep.usable(task.loaded, task.choose.choices, task.choose.passages)
        self.control = [p for p in task.select if p.axis == CONTROL]
        self.bar, self.note = task.progress("choosing on select", 6), task.run.notes("choices")
        self.base: Found = {}
        self.base = self._measured("base", self._base)

    def _base(self) -> Found:
        """Return all that is measured of the base model, once for all its runs."""
        task, measure = self.task, partial(self._measure, Repair(), judged=True)
        if task.memory.folder is None:  # all weights are read for the name of what is remembered
            return measure()
        on = [(cells, words.words, words.ids) for cells, words in (self._asked(name) for name in ("judged", "traits"))]
        text = [batch.ids.tolist() for batch in task.select_text]
        asked = task.loaded.fingerprint(), on, self.kept, self.control, text
        return task.memory.arrays("choosing", asked, measure)

    def tried(self, strength: float, build: Callable[[], Repair]) -> Tried | None:
        """Return what an edit of this strength does on select; None where no judgement can be read there.

        It is built where the run does not remember what it does.
        """
        after = self._measured(f"strength_{strength:g}", lambda: self._measure(build(), judged=True))
        gap = self._judgement(after) if "judged words" in after else None
        texts = self.said.of(f"strength_{strength:g}", build) if gap else ()
        tried = Tried(strength, gap.change if gap else None, self._losses(after), self.limits, texts)
        if tried.judgement is None and tried.burden <= 1:
            return None
        self.note(tried.entry(False))
        return tried

    def burden(self, name: str, build: Callable[[], Repair]) -> float:
        """Return the largest share of its limit that a repair surely took of anything, judgements apart."""
        after = self._measured(f"stays_{name}", lambda: self._measure(build(), judged=False))
        return _burden(self._losses(after), self.limits)

    def _judgement(self, after: Found) -> Figure | None:
        before, now = (self._reading("judged", found) for found in (self.base, after))
        made = judgement.figures(before, now, "select", details=False)
        return next((figure for figure in made if figure.name == "judgement"), None)

    def _losses(self, after: Found) -> dict[str, tuple[float, float]]:
        """Return what was lost of all that was measured."""
        both = self.base, after
        traits = [self._reading("traits", found) for found in both] if "traits words" in after else []
        kept, values = (self.kept, [found["kept"] for found in both]) if "kept" in after else (keep.Kept(), _NONE)
        found: dict[str, tuple[float, float]] = {}
        for figure in keep.keep_figures(traits, kept, np.stack(values), self.limits, "select"):
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

    def _reading(self, name: str, found: Found) -> Reading:
        arrays = {part: found[f"{name} {part}"][None] for part in reading.PARTS}
        return reading.unflat(*self._asked(name), arrays)[0]

    def _measured(self, name: str, measure: Callable[[], Found]) -> Found:
        found = self.task.run.arrays(f"kept_{name}", measure)
        self.bar(1)
        return found

    def _measure(self, repair: Repair, judged: bool) -> Found:
        """Measure part after part, until something is surely lost; `judged` asks for judgements too."""
        task, found = self.task, Found()
        found["control"] = divergences(task.model, task.batched(self.control), [repair])[0]
        with fast_matmul(), patched(task.model, repair.patch):
            found["loss"] = values_of(task, task.select_text, token_loss, repair)
        if self._goes_on(found):
            found |= self._read("traits", repair)
        if self._goes_on(found):
            found["kept"] = keep.read(task.loaded, self.kept, [repair])[0]
        if judged and self._goes_on(found):
            found |= self._read("judged", repair)
        return found

    def _goes_on(self, found: Found) -> bool:
        """Whether more is to be asked: of the base model all is."""
        return self.whole or not self.base or _burden(self._losses(found), self.limits) <= 1

    def _read(self, name: str, repair: Repair) -> Found:
        read = reading.read(self.task.loaded, *self._asked(name), [repair])
        return {part: values[0] for part, values in reading.flat(read, name).items()}


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
