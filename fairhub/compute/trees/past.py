"""Pasts: keys and values of what stands before some rows, padded on the left where lengths differ."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel


@dataclass(frozen=True, eq=False)
class Past:
    """What a forward over new tokens looks back on; the forward appends those tokens to the cache.

    Padding stands on the left and is masked. A token's position counts what is real before it, so that rotary,
    learned and linear-bias positions are those of the row by itself.
    """

    lengths: tuple[int, ...] = ()
    """How many real positions each row has; no rows before the first forward."""
    cache: DynamicCache = field(default_factory=DynamicCache)
    """Keeps all positions whatever the model's window: its masks see to that."""

    @property
    def width(self) -> int:
        """How many positions every row has, padding included."""
        return max(self.lengths, default=0)

    def arguments(self, ids: Tensor, before: Tensor | None = None) -> dict[str, Any]:
        """Return what a model's forward over `ids`, [rows, tokens], is given beside them.

        Args:
            ids: The new tokens.
            before: [tokens, tokens] which of them stand before each, itself included, where they branch (`branching`);
                None: those that are written before it.
        """
        given: dict[str, Any] = {"past_key_values": self.cache, "use_cache": True}
        if len(set(self.lengths)) == 1 and before is None:
            return given  # without padding the model's own defaults are right, and faster
        lengths = torch.tensor(self.lengths, device=ids.device)[:, None]
        places = torch.arange(self.width + ids.shape[1], device=ids.device)
        real = places >= self.width - lengths  # [rows, positions]
        if before is None:
            steps = torch.arange(ids.shape[1], device=ids.device)
            return given | {"attention_mask": real.long(), "position_ids": lengths + steps}
        steps = before.to(ids.device).sum(1) - 1
        return given | {"attention_mask": self._mask(real, before), "position_ids": lengths + steps}

    def _mask(self, real: Tensor, before: Tensor) -> Tensor:
        """Return what is added to attention scores, [rows, 1, tokens, positions]: 0, or the least number there is."""
        seen = real[:, None].repeat(1, len(before), 1)
        seen[:, :, self.width :] = before.to(real.device)
        layer: Any = self.cache.layers[0]
        return added(seen, layer.keys.dtype)[:, None]

    def selected(self, rows: Sequence[int], lengths: Sequence[int]) -> "Past":
        """Return the pasts of these rows, cut to these lengths, after a forward has appended to the cache."""
        if not self.lengths:
            return Past(tuple(lengths))
        begins = torch.tensor([self.width - self.lengths[row] for row in rows])
        padding = max(lengths) - torch.tensor(lengths)
        places = (torch.arange(max(lengths)) - padding[:, None] + begins[:, None]).clamp_min(0)  # [rows, positions]
        fresh, layers = DynamicCache(), self.cache.layers
        for number in range(len(layers)):
            layer: Any = layers[number]  # typed as any kind of layer; these hold keys and values
            fresh.update(_taken(layer.keys, rows, places), _taken(layer.values, rows, places), number)
        return Past(tuple(lengths), fresh)


def added(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to attention scores: 0 where a place is seen, else the least number there is."""
    return torch.zeros_like(seen, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)


def padded_pasts(model: PreTrainedModel) -> bool:
    """Tell whether a model can be told the positions of tokens, so that pasts of several lengths go side by side."""
    return "position_ids" in inspect.signature(model.forward).parameters


def branching(model: PreTrainedModel, positions: int) -> bool:
    """Tell whether new tokens may branch in a row of so many positions: the model takes any mask and sees them all."""
    config = model.config.get_text_config()
    windows = [getattr(config, name, None) or positions for name in ("sliding_window", "window_size")]
    return padded_pasts(model) and config._attn_implementation in ("eager", "sdpa") and positions <= min(windows)


def _taken(states: Tensor, rows: Sequence[int], places: Tensor) -> Tensor:
    """Return [rows, heads, positions, size] of a layer's states at these places of these rows, [rows, positions]."""
    index = torch.tensor(rows, device=states.device)
    if (places == places[0]).all():
        first, last = int(places[0, 0]), int(places[0, -1])
        return states[index, :, first : last + 1]
    return states.transpose(1, 2)[index[:, None], places.to(states.device)].transpose(1, 2)
