"""Divergence of probes and loss of text under repairs, item by item."""

from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedModel

from fairhub.compute.engine import Engine, Readout, divergence, token_loss
from fairhub.edit.healing import patched
from fairhub.edit.repair import Repair
from fairhub.edit.zeroing import weights_zeroed
from fairhub.inputs.batches import Batch
from fairhub.run.progress import Progress


def divergences(
    model: PreTrainedModel,
    batches: Sequence[Batch],
    repairs: Sequence[Repair],
    progress: Progress | None = None,
) -> np.ndarray:
    """Return the divergence of every probe under every repair, [repairs, probes], nats."""
    rows = []
    for repair in repairs:
        rows.append(_values(model, batches, repair, divergence))
        if progress:
            progress(sum(batch.tokens for batch in batches))
    return np.stack(rows)


def losses(model: PreTrainedModel, batches: Sequence[Batch], repair: Repair) -> np.ndarray:
    """Return the loss of every chunk of text under a repair, [chunks], nats a token."""
    return _values(model, batches, repair, token_loss)


def _values(model: PreTrainedModel, batches: Sequence[Batch], repair: Repair, readout: Readout) -> np.ndarray:
    with patched(model, repair.patch), weights_zeroed(model, repair.zeros):
        return Engine(model, batches, readout, cache_bytes=0).values([repair.pruning])[0]
