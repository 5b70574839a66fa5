"""A repair: the units that are removed and the weights that are refitted, and a model with it applied for a while."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.edit.healing import Patch, patched
from fairhub.edit.masking import masked
from fairhub.edit.zeroing import weights_zeroed
from fairhub.model.units import Pruning


@dataclass(frozen=True, eq=False)
class Repair:
    """What is done to a model: the units removed, and the weights refitted."""

    pruning: Pruning = frozenset()
    patch: Patch = field(default_factory=dict)
    zeros: Mapping[str, Tensor] = field(default_factory=dict)
    """[out, in] single weights that are zeroed, by the projection's name: only measured, never part of a run."""

    @property
    def empty(self) -> bool:
        """Tell whether it leaves the model as it is."""
        return not (self.pruning or self.patch or self.zeros)


def rounded(repair: Repair, dtype: torch.dtype | None) -> Repair:
    """Return a repair whose new weights are numbers that the type they go out in holds; None: as they are."""
    if dtype is None:
        return repair
    return replace(repair, patch={key: weight.to(dtype).float() for key, weight in repair.patch.items()})


@contextmanager
def applied(model: PreTrainedModel, repair: Repair) -> Iterator[None]:
    """Repair the model inside the `with` block."""
    with patched(model, repair.patch), weights_zeroed(model, repair.zeros), masked(model, repair.pruning):
        yield
