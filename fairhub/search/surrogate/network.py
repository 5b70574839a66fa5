"""The surrogate networks: a few small ones side by side, on masks as they are or on what closed forms leave of them."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from fairhub.search.surrogate.forecaster import Examples, Surrogate

MEMBERS = 5
"""Networks in an ensemble; each sees its own bootstrap of the training masks."""
WIDTH = 32
"""Hidden units a network."""
_EPOCHS, _PATIENCE, _RATE, _DECAY = 250, 25, 5e-3, 3e-2
_HELD = 4  # of so many masks one ends the training and is not learned from


def with_networks(start: Surrogate, train: Examples, seed: int, members: int = MEMBERS) -> Surrogate:
    """Return a surrogate with networks trained on what it leaves of the values.

    Args:
        start: What they stand on; its kind is the caller's to set. Of nothing, they learn from scratch, as Attention
            Pruning is understood to do (Dasu et al. 2025; its architecture is not known).
        train: Masks to learn from, the base model first; a fourth of them ends the training, of the rest each network
            draws its own bootstrap.
        seed: Of bootstraps and first weights.
        members: How many networks.
    """
    held = np.arange(len(train.x)) % _HELD == _HELD - 1
    learned, checked = train.part(~held), train.part(held if held.any() else ~held)
    rng = np.random.default_rng([seed, len(train.x)])
    drawn = [rng.integers(len(learned.x), size=len(learned.x)) for _ in range(members)]
    into, shift, out = _trained(learned, checked, start, drawn, seed)
    return replace(start, into=into, shift=shift, out=out)


def _trained(
    train: Examples, held: Examples, start: Surrogate, drawn: list[np.ndarray], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Train the networks of all members side by side on what is left; stop when the masks held out say so."""
    residual = [e.y - start.forecast(e.x) for e in (train, held)]
    scale = max(float(residual[0].std()), 1e-6)  # the rate suits any unit
    wanted, checked = (torch.tensor(part / scale, dtype=torch.float32) for part in residual)
    x, seen = (torch.tensor(e.x, dtype=torch.float32) for e in (train, held))
    counts = np.stack([np.bincount(rows, minlength=len(x)) for rows in drawn])
    weight, held_weight = (torch.tensor(w, dtype=torch.float32) for w in (counts * train.weight, held.weight[None]))
    parts = _first(len(drawn), x.shape[1], seed)
    optimiser = torch.optim.AdamW(parts, lr=_RATE, weight_decay=_DECAY)
    best, since = [part.detach().clone() for part in parts], 0
    lowest = float(_error(checked, 0 * checked, held_weight))
    for _ in range(_EPOCHS):
        optimiser.zero_grad()
        _error(wanted, _forward(x, *parts), weight / weight.mean()).backward()
        optimiser.step()
        with torch.no_grad():
            error = float(_error(checked, _forward(seen, *parts).mean(0), held_weight))
        since += 1
        if error < lowest:
            lowest, best, since = error, [part.detach().clone() for part in parts], 0
        if since >= _PATIENCE:
            break
    into, shift, out = (part.double().numpy() for part in best)
    return into, shift, out * scale


def _first(members: int, bits: int, seed: int) -> list[Tensor]:
    """Return first weights, [members, bits, width], [members, width], [members, width]: outputs of nothing."""
    random = torch.Generator().manual_seed(seed)
    into = torch.randn(members, bits, WIDTH, generator=random) * bits**-0.25
    shift = 0.1 * torch.randn(members, WIDTH, generator=random)
    return [part.requires_grad_() for part in (into, shift, torch.zeros(members, WIDTH))]


def _forward(x: Tensor, into: Tensor, shift: Tensor, out: Tensor) -> Tensor:
    """Return what each network says of masks, [members, masks]; of nothing removed, nothing."""
    hidden = torch.relu(torch.einsum("nb,mbw->mnw", x, into) + shift[:, None]) - torch.relu(shift)[:, None]
    return torch.einsum("mnw,mw->mn", hidden, out)


def _error(wanted: Tensor, found: Tensor, weight: Tensor) -> Tensor:
    return ((wanted - found).square() * weight).mean()
