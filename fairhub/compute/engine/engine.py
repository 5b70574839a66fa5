"""The engine's heart: layer inputs of the base model cached, so that a pruning starts where it first cuts."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from fairhub.compute.engine.fused import fused, fusible
from fairhub.compute.engine.packed import Given, packed_probes, plain
from fairhub.compute.engine.readouts import Readout, divergence, finite, logits_at
from fairhub.edit.masking import masked
from fairhub.inputs.batches import Batch
from fairhub.model.architecture import decoder_layers, text_config
from fairhub.model.streaming.layers import streamed_of
from fairhub.model.streaming.steps import hook_after, in_step
from fairhub.model.units import Pruning
from fairhub.run.processes import spread

Kept = dict[int, Tensor]
"""Inputs of layers, [rows, positions, hidden], by layer."""


class Engine:
    """Values of many prunings on one model and one set of batches.

    The model must not change while the engine is in use (what is cached was computed with its weights).

    Args:
        model: A causal language model of a known architecture.
        batches: What to measure on.
        readout: What to read off the logits; of `divergence` texts are packed, and logits kept where they end.
        cache_bytes: How much memory cached layer inputs may take. Fewer layers are cached where all do not fit,
            and a pruning then starts at the nearest cached layer below its first cut.
        candidates: How many prunings share one forward, as blocks of rows. Pays where a forward is too small to
            keep the device busy (a GPU); on a CPU 1 is best.
        recent: How many of the latest prunings have their layer inputs kept too. An annealer's next state differs in
            one unit from one of the last, and starts at that unit's layer; `cache_bytes` is shared among them all.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        batches: Sequence[Batch],
        readout: Readout = divergence,
        *,
        cache_bytes: int = 1 << 30,
        candidates: int = 1,
        recent: int = 0,
    ) -> None:
        """Take the model and the batches; nothing is computed yet."""
        self.model = model
        self.readout = readout
        self.items = sum(len(batch.items) for batch in batches)
        self._given = packed_probes(model, batches) if readout is divergence else [plain(batch) for batch in batches]
        self.forwards = 0.0
        """Forward-equivalents spent so far: layers computed x tokens / (all layers x all tokens)."""
        self._layers = decoder_layers(model)
        self._norms = fusible(model) if model.device.type == "cuda" else ()
        self._candidates = candidates
        self._tokens = sum(given.tokens for given in self._given)
        self._stride = 0 if streamed_of(model) else self._cache_stride(cache_bytes // (1 + recent))
        self._cache: dict[int, Kept] = {}
        self._limit = recent if self._stride else 0
        self._recent: dict[int, list[tuple[Pruning, Kept]]] = {number: [] for number in range(len(self._given))}

    def values(self, prunings: Sequence[Pruning], progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Return what the readout says of every pruning, [prunings, items], float64.

        Batches of groups of prunings are spread over the processes that Accelerate knows of; a group is made before
        it is spread, and every process gets the whole answer.

        Raises:
            UserError: The model's logits are not finite, or another process is gone.
        """
        answer = np.empty((len(prunings), self.items))
        work = [(at, number) for at in _grouped(prunings, self._candidates) for number in range(len(self._given))]
        seen = 0

        def value(piece: tuple[list[int], int]) -> np.ndarray:
            nonlocal seen
            at, number = piece
            found = self._value(number, [prunings[i] for i in at])
            if progress and number == len(self._given) - 1:
                progress(len(at))
                seen += len(at)
            return found

        for (at, number), found in zip(
            work, spread(work, value, self._cost(prunings), in_step(self.model)), strict=True
        ):
            answer[np.ix_(at, self._given[number].batch.items)] = found
        if progress and seen < len(prunings):
            progress(len(prunings) - seen)  # what other processes finished
        return answer

    def _cost(self, prunings: Sequence[Pruning]) -> Callable[[tuple[list[int], int]], float]:
        """Return what tells how much is computed for some prunings on a batch."""

        def cost(piece: tuple[list[int], int]) -> float:
            at, number = piece
            layers = len(self._layers) - self._parting(frozenset(), [prunings[i] for i in at])
            return self._given[number].tokens * len(at) * (layers + 1)

        return cost

    @torch.inference_mode()
    def _value(self, number: int, prunings: Sequence[Pruning]) -> np.ndarray:
        """Return what the readout says of a batch, [prunings, items of the batch]."""
        given = self._given[number]
        with fused(self._norms):
            if len(prunings) == 1 and self._limit:
                logits = self._from_recent(number, given, prunings[0])
            else:
                logits = self._forward(given, prunings, self._cached(number, given), frozenset())
        found = [finite(self.readout(block, given.batch)).double() for block in logits.chunk(len(prunings))]
        return torch.stack(found).cpu().numpy()

    def _from_recent(self, number: int, given: Given, pruning: Pruning) -> Tensor:
        """Return logits, computed from where the pruning parts from the nearest one known; keep its layer inputs."""
        recent = self._recent[number]
        known = [(frozenset(), self._cached(number, given)), *recent]
        nearest = max(known, key=lambda one: self._parting(one[0], [pruning]))
        fresh: Kept = {}
        logits = self._forward(given, [pruning], nearest[1], nearest[0], fresh)
        shared = {layer: hidden for layer, hidden in nearest[1].items() if layer < min(fresh, default=1 << 30)}
        others = [one for one in recent if one is not nearest and one[0] != pruning]
        used = [one for one in recent if one is nearest]  # stays longest: an annealer comes back to its state
        self._recent[number] = [*others, *used, (pruning, shared | fresh)][-self._limit :]
        return logits

    def _parting(self, known: Pruning, prunings: Sequence[Pruning]) -> int:
        """Return the first layer in which one of the prunings differs from a known one."""
        return min((unit.layer for pruning in prunings for unit in pruning ^ known), default=len(self._layers))

    def _forward(
        self, given: Given, prunings: Sequence[Pruning], cache: Kept, known: Pruning, fresh: Kept | None = None
    ) -> Tensor:
        """Return logits [prunings * rows, positions, vocabulary], computed from the cached layer inputs of `known`.

        The layer inputs that are computed on the way go to `fresh`, where it is given.
        """
        copies, start = len(prunings), self._parting(known, prunings)
        begin = max((layer for layer in cache if layer <= start), default=0)
        self.forwards += copies * (len(self._layers) - begin) / len(self._layers) * given.tokens / self._tokens
        resume = _resumed(self._layers, begin, cache[begin].repeat(copies, 1, 1)) if begin else nullcontext()
        last = logits_at(self.model, given.ends(copies)) if self.readout is divergence else nullcontext()
        wanted = [] if fresh is None else [layer for layer in self._wanted() if layer > begin]
        kept = _recorded(self._layers, wanted, {} if fresh is None else fresh)
        with masked(self.model, *prunings), kept, resume, last:
            return self.model(**given.arguments(copies), use_cache=False).logits

    def _cached(self, number: int, given: Given) -> dict[int, Tensor]:
        """Return the inputs of the cached layers (and the last layer's output) in the base model."""
        if number not in self._cache:
            kept: Kept = {}
            if self._stride:
                with _recorded(self._layers, self._wanted(), kept), logits_at(self.model, given.ends(1)):
                    self.model(**given.arguments(1), use_cache=False)
                self.forwards += given.tokens / self._tokens
            self._cache[number] = kept
        return self._cache[number]

    def _wanted(self) -> Sequence[int]:
        """Return the layers whose inputs are kept; the one after the last is the last layer's output."""
        return range(self._stride, len(self._layers) + 1, self._stride) if self._stride else ()

    def _cache_stride(self, cache_bytes: int) -> int:
        """Return every how many layers inputs are kept so that they fit; 0 keeps none."""
        layer_bytes = self._tokens * text_config(self.model).hidden_size * self.model.dtype.itemsize
        fit = min(len(self._layers), cache_bytes // max(layer_bytes, 1))
        return -(-len(self._layers) // fit) if fit else 0


def _grouped(prunings: Sequence[Pruning], size: int) -> list[list[int]]:
    """Return groups of up to `size` prunings that start at about the same layer, by their places."""
    depth = [min((unit.layer for unit in pruning), default=1 << 30) for pruning in prunings]
    order = sorted(range(len(prunings)), key=lambda i: depth[i])
    return [order[begin : begin + size] for begin in range(0, len(order), size)]


class _Resume(nn.Module):
    """Stands in for a decoder layer: passes on what it gets, or hands out a stored output."""

    def __init__(self, layer: nn.Module, output: Tensor | None) -> None:
        super().__init__()
        object.__setattr__(self, "layer", layer)  # not a submodule: only asked for attributes such as its mask type
        object.__setattr__(self, "output", output)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.layer, name)

    def forward(self, hidden_states: Tensor, *args: object, **kwargs: object) -> Tensor | tuple[Tensor]:
        hidden: Tensor = hidden_states if self.output is None else self.output
        return (hidden,) if getattr(self.layer, "_fairhub_tuple", False) else hidden


@contextmanager
def _resumed(layers: nn.ModuleList, begin: int, hidden: Tensor) -> Iterator[None]:
    """Let the model's own forward begin at layer `begin` with these hidden states, inside the `with` block."""
    originals = list(layers)
    try:
        for index in range(begin):
            layers[index] = _Resume(originals[index], hidden if index == begin - 1 else None)
        yield
    finally:
        for index in range(begin):
            layers[index] = originals[index]


@contextmanager
def _recorded(layers: nn.ModuleList, wanted: Sequence[int], kept: Kept) -> Iterator[None]:
    """Keep the inputs of the wanted layers; the entry after the last layer is the last layer's output."""

    def keep(after: int) -> Callable[..., None]:
        def hook(module: nn.Module, args: object, output: Tensor | tuple[Tensor, ...]) -> None:
            module._fairhub_tuple = isinstance(output, tuple)  # type: ignore[assignment]
            kept[after] = output[0] if isinstance(output, tuple) else output

        return hook

    handles = [hook_after(layers[after - 1], keep(after)) for after in wanted]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
