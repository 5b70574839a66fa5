"""What is measured in every context: name gaps or divergence, with the same bootstrap draws for all repairs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from fairhub.edit.repair import Repair, applied
from fairhub.inputs.probes import Probe
from fairhub.measure.divergence import divergences
from fairhub.measure.names.answers import Answers
from fairhub.measure.names.beside import inliers
from fairhub.measure.names.gap import Chance, chance, change, fewest, grouped, resampled, table
from fairhub.measure.names.likelihood import expected
from fairhub.measure.names.prompts import NamePrompt
from fairhub.model.loading import Loaded
from fairhub.proof.prover import batcher
from fairhub.stats import statistics
from fairhub.stats.clusters import drawn
from fairhub.stats.resampling import seed_of
from fairhub.stats.statistics import Change

Measured = Mapping[str, np.ndarray]
DRAWS = 1000
_FLIPS = 20_000
"""Of the test of a cell: to be adjusted for hundreds of cells, p must be able to be small."""


class Ruler(Protocol):
    """Measures one model in every context."""

    @property
    def figure(self) -> str:
        """Return its name in a report."""
        ...

    @property
    def unit(self) -> str:
        """Return its unit."""
        ...

    def size(self, loaded: Loaded) -> int:
        """Return how much a measurement is, in the steps of its progress."""
        ...

    def measure(self, loaded: Loaded, repair: Repair, progress: Callable[[int], None]) -> Measured:
        """Return what the repaired model did with every item."""
        ...

    def sizes(self, found: Measured, context: str) -> np.ndarray:
        """Return the figure of one context, then its bootstrap draws, [1 + DRAWS]; the same draws for any model."""
        ...

    def clusters(self, context: str) -> int:
        """Return how many independent things the draws of one context are over."""
        ...

    def change(self, before: Measured, after: Measured, context: str) -> Change:
        """Return what became of the figure in one context."""
        ...

    def reduced(self, before: Measured, afters: Sequence[tuple[str, Measured]]) -> np.ndarray | None:
        """Return the share by which the figure fell over several contexts, each under a repair of its own.

        The share, then its draws, [1 + draws]; None where there was nothing to reduce.
        """
        ...

    def chance(self, found: Measured, context: str) -> Chance | None:
        """Return what chance alone makes of a figure where there is no bias; None where it makes none."""
        ...

    def beside(self, before: Measured, after: Measured) -> dict[str, Change]:
        """Return what has to stand beside the figure."""
        ...


@dataclass(frozen=True, eq=False)
class NameRuler:
    """The size of the standardised mean difference between names, likelihood version."""

    prompts: Sequence[NamePrompt]
    contexts: Sequence[str]
    """The context of each prompt."""
    axis: str = "race"
    figure: str = "name_gap"
    unit: str = "SD"

    def size(self, loaded: Loaded) -> int:
        """Prompts."""
        return len(self.prompts)

    def measure(self, loaded: Loaded, repair: Repair, progress: Callable[[int], None]) -> Measured:
        """Return the answers to every prompt."""
        with applied(loaded.model, repair):
            found = expected(loaded.model, loaded.tokenizer, self.prompts, progress=progress)
        return {"values": found.values, "shares": found.shares, "answered": found.answered}

    def sizes(self, found: Measured, context: str) -> np.ndarray:
        """Names are drawn within their group."""
        rows = self._rows(context)
        of = table([self.prompts[i] for i in rows], Answers(**found).of(rows), self.axis)
        seed = seed_of(self.prompts[i].name for i in rows)
        return np.concatenate([of.size(np.ones((1, len(of.first)))), of.size(resampled(of.first, seed)[:DRAWS])])

    def clusters(self, context: str) -> int:
        """Names of the smaller group."""
        return fewest(grouped([self.prompts[i] for i in self._rows(context)], self.axis)[0])

    def change(self, before: Measured, after: Measured, context: str) -> Change:
        """In pairs over the same names."""
        rows = self._rows(context)
        asked = [self.prompts[i] for i in rows]
        old, new = (table(asked, Answers(**part).of(rows), self.axis) for part in (before, after))
        return change(old, new)

    def reduced(self, before: Measured, afters: Sequence[tuple[str, Measured]]) -> np.ndarray | None:
        """The mean of the contexts' shares."""
        return _mean_share(self, before, afters)

    def chance(self, found: Measured, context: str) -> Chance | None:
        """Names dealt to the groups at random."""
        rows = self._rows(context)
        return chance(table([self.prompts[i] for i in rows], Answers(**found).of(rows), self.axis))

    def beside(self, before: Measured, after: Measured) -> dict[str, Change]:
        """Inliers and refusals, over all contexts."""
        names = [p.name for p in self.prompts]
        old, new = Answers(**before), Answers(**after)
        return {
            "inlier_ratio": statistics.change(inliers(self.prompts, old, old), inliers(self.prompts, new, old), names),
            "refusal_rate": statistics.change(1 - old.answered, 1 - new.answered, names),
        }

    def _rows(self, context: str) -> list[int]:
        return [i for i, name in enumerate(self.contexts) if name == context]


@dataclass(frozen=True, eq=False)
class PairRuler:
    """The divergence of pairs of texts."""

    probes: Sequence[Probe]
    figure: str = "divergence"
    unit: str = "nats"

    def size(self, loaded: Loaded) -> int:
        """Pairs."""
        return len(self.probes)

    def measure(self, loaded: Loaded, repair: Repair, progress: Callable[[int], None]) -> Measured:
        """Return the divergence of every probe."""
        found = divergences(loaded.model, batcher(loaded)(self.probes), [repair])[0]
        progress(len(self.probes))
        return {"divergence": found}

    def sizes(self, found: Measured, context: str) -> np.ndarray:
        """Templates are drawn with replacement."""
        rows, clusters = self._part(context)
        labels = {label: i for i, label in enumerate(sorted(set(clusters)))}
        index = np.array([labels[label] for label in clusters])
        sums, counts = (np.bincount(index, weights=w) for w in (found["divergence"][rows], np.ones(len(rows))))
        draws = drawn(len(labels), DRAWS, np.random.default_rng(seed_of(clusters)))
        weights = np.vstack([np.ones(len(labels)), *draws])
        return np.asarray((weights @ sums) / (weights @ counts))

    def clusters(self, context: str) -> int:
        """Templates."""
        return len(set(self._part(context)[1]))

    def change(self, before: Measured, after: Measured, context: str) -> Change:
        """In pairs over the same probes."""
        rows, clusters = self._part(context)
        found = statistics.change(before["divergence"][rows], after["divergence"][rows], clusters)
        moved = after["divergence"][rows] - before["divergence"][rows]
        sums = np.bincount(np.unique(clusters, return_inverse=True)[1], weights=moved)
        return replace(found, p=statistics.sign_flip(sums, _FLIPS))

    def reduced(self, before: Measured, afters: Sequence[tuple[str, Measured]]) -> np.ndarray | None:
        """The mean of the contexts' shares."""
        return _mean_share(self, before, afters)

    def chance(self, found: Measured, context: str) -> Chance | None:
        """A divergence is 0 where both texts are treated alike."""
        return None

    def beside(self, before: Measured, after: Measured) -> dict[str, Change]:
        """Nothing besides what every row has."""
        return {}

    def _part(self, context: str) -> tuple[list[int], list[str]]:
        rows = [i for i, probe in enumerate(self.probes) if probe.context == context]
        return rows, [self.probes[i].template for i in rows]


def _mean_share(ruler: Ruler, before: Measured, afters: Sequence[tuple[str, Measured]]) -> np.ndarray:
    shares = [
        1 - ruler.sizes(after, context) / np.maximum(ruler.sizes(before, context), 1e-9) for context, after in afters
    ]
    return np.asarray(np.mean(shares, axis=0))
