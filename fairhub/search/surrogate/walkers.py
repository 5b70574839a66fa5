"""The chains themselves: states of all objectives side by side; a move adds a head, drops one or swaps two."""

from collections.abc import Sequence

import numpy as np

from fairhub.search.surrogate.landscape import Landscape

_LIFT = 256  # steps after which sums are computed anew: additions of float32 drift
_SWAPS = 0.5  # share of moves that swap two heads


class Walkers:
    """Chains in step, `chains` for each objective, in blocks by objective.

    Args:
        land: Energies of masks.
        k_min: Fewest heads in a state.
        k_max: Most.
        chains: Chains an objective.
        rng: Of all draws.
        starts: For each objective masks [masks, bits] within the band, best first, from which every other chain starts,
            in turn.
    """

    def __init__(
        self, land: Landscape, k_min: int, k_max: int, chains: int, rng: np.random.Generator,
        starts: Sequence[np.ndarray] = (),
    ) -> None:  # fmt: skip
        """Draw the other first states: uniform in their count, then among the subsets of that count (NeuFair)."""
        self.land, self.k_min, self.k_max, self.rng = land, k_min, min(k_max, land.bits), rng
        self.objective = np.repeat(np.arange(len(land.objectives)), chains)
        """[chains] number of each chain's objective."""
        total = len(self.objective)
        self._all = np.arange(total)
        self.size = rng.integers(k_min, self.k_max + 1, total)
        ranks = rng.random((total, land.bits)).argsort(1).argsort(1)
        self.state = ranks < self.size[:, None]
        self.begun = np.zeros(total, dtype=bool)
        """[chains] whether a chain starts from a given mask."""
        for number, masks in enumerate(starts):
            if len(masks):
                rows = np.arange(number * chains, (number + 1) * chains, 2)
                self.begun[rows], self.state[rows] = True, masks[np.arange(len(rows)) % len(masks)]
        self._first = self.state.copy()
        self.size = self.state.sum(1)
        self.energy = self._lift()
        self.best, self.best_energy = self.state.copy(), self.energy.copy()
        self._steps = 0

    def step(self, temperature: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Propose a move in every chain and take it by Metropolis; infinite temperature takes all.

        A flip is NeuFair's move; a swap is ours: at the band's upper end or the budget's edge one head can be exchanged
        for another without a worse mask between.

        Args:
            temperature: [chains].

        Returns:
            [chains] energies before, energies proposed, and whether each was taken.
        """
        flip = self._flips()
        swaps = np.flatnonzero((self.rng.random(len(flip)) < _SWAPS) & (0 < self.size) & (self.size < self.land.bits))
        flip[swaps], other = self._one_of(self.state[swaps]), self._one_of(~self.state[swaps])
        on = self.state[self._all, flip]
        lifted = self._lifted + np.where(on, -1, 1).astype(np.float32)[:, None] * self.land.rows[flip]
        lifted[swaps] += self.land.rows[other]
        before, proposed = self.energy, self.land.energies(lifted, self.objective)
        climb = np.maximum(proposed - before, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            chance = np.where(climb > 0, np.exp(-climb / temperature), 1.0)  # exp(-x/0) = 0: nothing climbs
        taken = self.rng.random(len(chance)) < chance
        self.state[self._all[taken], flip[taken]] ^= True
        self.state[swaps[taken[swaps]], other[taken[swaps]]] = True
        self.size = self.state.sum(1)
        self._lifted[taken] = lifted[taken]
        self.energy = np.where(taken, proposed, before)
        self._steps += 1
        if self._steps % _LIFT == 0:
            self.energy = self._lift()
        better = self.energy < self.best_energy
        self.best[better], self.best_energy[better] = self.state[better], self.energy[better]
        return before, proposed, taken

    def restart(self) -> None:
        """Go back to where the chains began; what they met on the way is not forgotten."""
        self.state = self._first.copy()
        self.size, self.energy = self.state.sum(1), self._lift()

    def _lift(self) -> np.ndarray:
        self._lifted = self.land.lifted(self.state)
        return self.land.energies(self._lifted, self.objective)

    def _one_of(self, allowed: np.ndarray) -> np.ndarray:
        """Return a bit for each row, uniform among those allowed, [rows] from [rows, bits]."""
        return np.asarray(np.where(allowed, self.rng.random(allowed.shape, dtype=np.float32), -1).argmax(1))

    def _flips(self) -> np.ndarray:
        """Return a bit for each chain: uniform among those whose flip keeps the count within the band."""
        flip = self.rng.integers(self.land.bits, size=len(self.size))
        grown = self.size + np.where(self.state[self._all, flip], -1, 1)
        out = np.flatnonzero((grown < self.k_min) | (grown > self.k_max))
        if len(out):  # at an end of the band: among the bits that lead back
            full = (self.size[out] >= self.k_max)[:, None]
            flip[out] = self._one_of(self.state[out] == full)
        return flip
