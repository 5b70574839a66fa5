"""The surrogate networks: one bit a head in, a forecast out; an additive part and small networks on top of it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from fairhub.search.surrogate.additive import additive

Kind = Literal["additive", "network", "residual"]
KINDS: tuple[Kind, ...] = ("additive", "network", "residual")
MEMBERS = 5
"""Networks in an ensemble; each sees its own bootstrap of the training masks."""
WIDTH = 32
"""Hidden units a network."""
_EPOCHS, _PATIENCE, _RATE, _DECAY = 400, 40, 3e-3, 3e-2


@dataclass(frozen=True, eq=False)
class Examples:
    """Masks and what the real model said of them."""

    x: np.ndarray
    """[masks, bits]"""
    y: np.ndarray
    """[masks, targets]"""
    weight: np.ndarray
    """[masks] how much a mask counts."""

    def part(self, rows: np.ndarray) -> "Examples":
        """Return these rows."""
        return Examples(self.x[rows], self.y[rows], self.weight[rows])


@dataclass(frozen=True, eq=False)
class Surrogate:
    """An ensemble of networks of one hidden layer with an additive bypass: y = x L + relu(x A + a) B.

    f(nothing removed) = 0 in every member: targets are changes against the base model.
    """

    kind: Kind
    linear: np.ndarray
    """[members, bits, targets]"""
    into: np.ndarray
    """[members, bits, width]; width 0 where the surrogate is additive."""
    shift: np.ndarray
    """[members, width]"""
    out: np.ndarray
    """[members, width, targets]"""

    def members(self, x: np.ndarray) -> np.ndarray:
        """Return what each network forecasts, [members, masks, targets]."""
        hidden = np.maximum(np.einsum("nb,mbw->mnw", x, self.into) + self.shift[:, None], 0)
        at_rest = np.maximum(self.shift, 0)[:, None] @ self.out
        return np.einsum("nb,mbt->mnt", x, self.linear) + hidden @ self.out - at_rest

    def mean(self, x: np.ndarray) -> np.ndarray:
        """Return the ensemble's forecast, [masks, targets]."""
        return np.asarray(self.members(x).mean(0))

    def spread(self, x: np.ndarray) -> np.ndarray:
        """Return how far its members disagree, one standard deviation, [masks, targets]."""
        return np.asarray(self.members(x).std(0, ddof=1))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what `from_arrays` makes it from."""
        return {"kind": np.array(self.kind)} | {n: getattr(self, n) for n in ("linear", "into", "shift", "out")}

    @staticmethod
    def from_arrays(stored: dict[str, np.ndarray]) -> "Surrogate":
        """Return the surrogate that was stored."""
        kind = next(kind for kind in KINDS if kind == str(stored["kind"]))
        return Surrogate(kind, *(stored[name] for name in ("linear", "into", "shift", "out")))


def fit(
    kind: Kind, train: Examples, validation: Examples, prior: np.ndarray, seed: int, members: int = MEMBERS
) -> Surrogate:
    """Train an ensemble.

    Args:
        kind: `additive`: ridge regression, and no network. `network`: networks from scratch, as Attention Pruning is
            understood to do (Dasu et al. 2025; its architecture is not known). `residual`: the additive part, and
            networks for what it leaves.
        train: Masks to learn from; each member draws its own bootstrap of them.
        validation: Masks that end the training.
        prior: [targets, bits, features] first-order scores, towards which the additive part is pulled.
        seed: Of bootstraps and first weights.
        members: How many networks.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    count, bits, targets = len(train.x), train.x.shape[1], train.y.shape[1]
    rows = [rng.integers(count, size=count) for _ in range(members)]
    linear = np.zeros((members, bits, targets))
    if kind != "network":
        for member, drawn in enumerate(rows):
            part = train.part(drawn)
            linear[member] = additive(part.x, part.y, prior, part.weight)
    if kind == "additive":
        return _ensemble(kind, linear, *(np.zeros((members, *s)) for s in ((bits, 0), (0,), (0, targets))))
    return _ensemble(kind, linear, *_trained(train, validation, linear, rows, seed))


def _ensemble(kind: Kind, *parts: np.ndarray) -> Surrogate:
    return Surrogate(kind, *(part.astype(np.float32) for part in parts))


def _trained(
    train: Examples, validation: Examples, linear: np.ndarray, rows: list[np.ndarray], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Train the networks of all members side by side on what the additive part leaves; stop when validation says so."""
    members, bits, targets = linear.shape
    residual = [e.y[None] - np.einsum("nb,mbt->mnt", e.x, linear) for e in (train, validation)]
    scale = np.maximum(residual[0].std((0, 1)), 1e-6)  # targets count alike, and the rate suits any unit
    wanted, checked = (torch.tensor(part / scale, dtype=torch.float32) for part in residual)
    x, held = (torch.tensor(e.x, dtype=torch.float32) for e in (train, validation))
    weight = torch.stack([torch.tensor(_counts(drawn, len(x)) * train.weight, dtype=torch.float32) for drawn in rows])
    weight, held_weight = weight / weight.mean(), torch.tensor(validation.weight, dtype=torch.float32)
    random = torch.Generator().manual_seed(seed)
    into = (torch.randn(members, bits, WIDTH, generator=random) * bits**-0.25).requires_grad_()
    shift = (0.1 * torch.randn(members, WIDTH, generator=random)).requires_grad_()
    out = torch.zeros(members, WIDTH, targets).requires_grad_()
    optimiser = torch.optim.AdamW([into, shift, out], lr=_RATE, weight_decay=_DECAY)
    best, since = _copied(into, shift, out), 0
    lowest = float(_error(checked, 0 * checked, held_weight[None]))
    for _ in range(_EPOCHS):
        optimiser.zero_grad()
        _error(wanted, _forward(x, into, shift, out), weight).backward()
        optimiser.step()
        with torch.no_grad():
            error = float(_error(checked, _forward(held, into, shift, out), held_weight[None]))
        since += 1
        if error < lowest:
            lowest, best, since = error, _copied(into, shift, out), 0
        if since >= _PATIENCE:
            break
    found_into, found_shift, found_out = (part.double().numpy() for part in best)
    return found_into, found_shift, found_out * scale


def _forward(x: Tensor, into: Tensor, shift: Tensor, out: Tensor) -> Tensor:
    hidden = torch.relu(torch.einsum("nb,mbw->mnw", x, into) + shift[:, None])
    return hidden @ out - torch.relu(shift)[:, None] @ out


def _error(wanted: Tensor, found: Tensor, weight: Tensor) -> Tensor:
    return ((wanted - found).square().mean(-1) * weight).mean()


def _copied(*parts: Tensor) -> tuple[Tensor, ...]:
    return tuple(part.detach().clone() for part in parts)


def _counts(drawn: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(drawn, minlength=size).astype(float)
