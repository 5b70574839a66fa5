"""The activation gap: how far the activations of a pair's two texts lie apart, by component, layer and token."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.errors import UserError
from fairhub.inputs.batches import Batch
from fairhub.inputs.tokens import encode
from fairhub.measure.activations.alignment import Alignment, Unequal, align, aligned
from fairhub.measure.activations.capture import Activations, Component, capture
from fairhub.model.architecture import mlps
from fairhub.model.streaming.steps import in_step
from fairhub.run.processes import spread

COUNTED: tuple[Component, ...] = (
    "input_norm", "attention_output", "gate_proj", "up_proj", "down_proj", "mlp_output",
)  # fmt: skip
"""The six components of optiPfair's number, in the order in which a forward reaches them. The MLP's output stands under
two names and so counts twice; that is its definition, kept so that numbers can be compared."""


@dataclass(frozen=True, eq=False)
class Gap:
    """Mean absolute difference of activations, in the activations' own units."""

    components: tuple[Component, ...]
    values: np.ndarray
    """[components, layers, positions] mean over features, float64; positions are the aligned ones."""
    alignment: Alignment

    @property
    def overall(self) -> float:
        """The mean over the counted components, layers and positions: optiPfair's number, in float32."""
        return float(np.mean([self.by_component[name] for name in COUNTED if name in self.components]))

    @property
    def by_component(self) -> dict[Component, float]:
        """Each component's mean over layers and positions."""
        return {name: float(part.mean()) for name, part in zip(self.components, self.values, strict=True)}

    @property
    def by_layer(self) -> list[float]:
        """Each layer's mean over the counted components and positions."""
        counted = [self.components.index(name) for name in COUNTED if name in self.components]
        return [float(value) for value in self.values[counted].mean((0, 2))]

    def part(self, component: Component) -> np.ndarray:
        """Return one component's gap, [layers, positions]."""
        return np.asarray(self.values[self.components.index(component)])


def gap(found: Activations, place: int = 0, unequal: Unequal = "align") -> Gap:
    """Return the gap of one of the captured pairs, in float32 whatever the model's dtype.

    Raises:
        UserError: The texts have unequal token counts and that is to be refused.
    """
    a, b, alignment = aligned(found.batch, place, unequal)
    one, two = list(alignment.first), list(alignment.second)
    values = np.empty((len(found.components), found.layers, len(one)))
    for i, name in enumerate(found.components):
        for layer in range(found.layers):
            value = found.values[name, layer]
            apart = (value[a, one].float() - value[b, two].float()).abs().mean(-1)
            values[i, layer] = apart.double().numpy()
    return Gap(found.components, values, alignment)


def gaps_by_layer(model: PreTrainedModel, batches: Sequence[Batch]) -> np.ndarray:
    """Return the gap of every pair by layer, [pairs, layers]: the mean over layers is optiPfair's number, in float32.

    Args:
        model: A causal language model; masked or patched if the caller wants it so.
        batches: Pairs, few a batch: activations of every layer are held at once.
    """

    def of(batch: Batch) -> list[list[float]]:
        captured = capture(model, batch, COUNTED)
        return [gap(captured, place).by_layer for place in range(len(batch.items))]

    parts = zip(batches, spread(batches, of, each=in_step(model)), strict=True)
    found = {item: row for batch, rows in parts for item, row in zip(batch.items, rows, strict=True)}
    return np.array([found[item] for item in sorted(found)])


def optipfair_gap(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, first: str, second: str) -> float:
    """Return the number that optiPfair 0.4.2 computes (`overall_metrics.mean_difference`), to the last bit.

    Each text is run alone, and every mean is taken in the model's own dtype on the CPU.

    Raises:
        UserError: The texts have unequal token counts, or the MLP is not made of gate_proj and up_proj.
    """
    if len(mlps(model)[0].inputs) != 2:
        raise UserError(
            "optiPfair's number is defined for an MLP with gate_proj and up_proj; "
            f"a {model.config.model_type} model has none; take the float32 gap instead"
        )
    ids = [encode(tokenizer, text) for text in (first, second)]
    align(ids[0], ids[1], unequal="refuse")
    one, two = (capture(model, _alone(row, model.device), COUNTED) for row in ids)
    keys = [(name, layer) for layer in range(one.layers) for name in COUNTED]
    means = torch.cat([(one.values[key] - two.values[key]).abs().mean(dim=(1, 2)) for key in keys])
    return float(means.mean().item())


def _alone(ids: tuple[int, ...], device: torch.device) -> Batch:
    rows = torch.tensor([ids], device=device)
    last = torch.tensor([len(ids) - 1], device=device)
    return Batch(rows, last, (0,), torch.zeros(1, 2, dtype=torch.long, device=device), (len(ids),))
