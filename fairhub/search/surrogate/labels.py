"""Labels: bias and log-perplexity of head masks on the real model, each measured once and remembered by the run."""

import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fairhub.compute.engine import Engine, divergence, fast_matmul, joined, slopes_of, token_loss
from fairhub.inputs.batches import Batch, Texts, text_batches, texts_of
from fairhub.inputs.probes import Probe, stratified
from fairhub.model.units import Pruning, Unit
from fairhub.run.folder import digest
from fairhub.run.processes import agreed
from fairhub.search.energies import FLOOR

if TYPE_CHECKING:  # recipes import the surrogates, not the other way round
    from fairhub.search.task import Task

FRESH = 64
"""Search probes, others, that the best masks are measured on again."""
LONG = 192
"""Tokens of a chunk of text that is as long as where a repair is judged."""


@dataclass(frozen=True, eq=False)
class Label:
    """What the real model says of one mask."""

    bias: np.ndarray
    """[probes] Jensen-Shannon divergence, nats."""
    loss: np.ndarray
    """[chunks] nats a token of neutral text: its mean is log-perplexity."""
    seconds: float
    """What the measurement took when it was made; a resumed run reads it, so that its budget ends at the same mask."""
    slopes: np.ndarray | None = None
    """[probes + chunks, heads] change of each probe's divergence, and of each chunk's loss, for each head removed,
    first-order at this mask; None where they were not asked."""
    mask: Pruning = frozenset()


class Meter:
    """Measures masks on search probes and neutral search text.

    Args:
        task: The model, search probes, search text and the run that remembers.
        probes: How many demographic probes: the shortest third of each frame, axes in turn. Shorter texts let more
            masks be measured in the same time, and a surrogate lacks masks before it lacks probes.
        chunks: How many chunks of neutral text.
        length: Tokens a chunk.
        stage: The name under which the run remembers the labels.
        other: A meter whose probes and text are left to it.
        short: Take short probes, or whichever.
    """

    def __init__(
        self, task: "Task", probes: int, chunks: int = 6, length: int = 64, stage: str = "masks",
        other: "Meter | None" = None, short: bool = True,
    ) -> None:  # fmt: skip
        """Choose the probes and the text; nothing is measured yet."""
        chosen = _chosen(task, probes, other.items if other else (), short)
        self.task = task
        self.items: tuple[int, ...] = tuple(chosen)
        self.probes = [task.search[i] for i in chosen]
        self.batches = repacked(task.search_batches, chosen)
        self.length = length
        self.text = _chunks(task.text, chunks, length, begin=0 if other is None else other.length)
        self._model = task.model
        self._engines = Engine(task.model, self.batches), Engine(task.model, self.text, token_loss, cache_bytes=0)
        self._remembered = task.run.remembered(stage)
        self._asked: set[str] = set()
        self.spent = 0.0
        """Seconds that the masks asked so far took to measure, in this process or in the one that was killed."""

    def __call__(self, mask: Pruning, slopes: bool = False) -> Label:
        """Return the label of a mask, with slopes where they are asked: from the run's memory if it was measured."""

        def compute() -> dict[str, object]:
            began = time.monotonic()
            with fast_matmul():
                found = self._steep(mask) if slopes else self._flat(mask)
            heads = [[unit.layer, unit.index] for unit in sorted(mask)]
            return {"heads": heads, **found, "seconds": agreed(time.monotonic() - began)}

        key = digest(*sorted(mask), *(["slopes"] if slopes else []))
        found = self._remembered(key, compute)
        if key not in self._asked:
            self._asked.add(key)
            self.spent += found["seconds"]
        rows = _unpacked(found["slopes"], len(found["bias"]) + len(found["loss"])) if slopes else None
        return Label(np.array(found["bias"]) + FLOOR, np.array(found["loss"]), found["seconds"], rows, mask)

    def _flat(self, mask: Pruning) -> dict[str, object]:
        bias, loss = (engine.values([mask])[0].tolist() for engine in self._engines)
        return {"bias": bias, "loss": loss}

    def _steep(self, mask: Pruning) -> dict[str, object]:
        """Measure the mask and its slopes: a forward and a backward over probes and text."""
        bias = joined(self.batches, slopes_of(self._model, self.batches, divergence, mask, ("head",)))
        loss = joined(self.text, slopes_of(self._model, self.text, token_loss, mask, ("head",)))
        rows = _packed_rows(np.vstack([bias.slopes, loss.slopes]))
        return {"bias": bias.values.tolist(), "loss": loss.values.tolist(), "slopes": rows}


def _packed_rows(rows: np.ndarray) -> str:
    return b64encode(rows.astype("<f4").tobytes()).decode()


def _unpacked(text: str, rows: int) -> np.ndarray:
    return np.frombuffer(b64decode(text), "<f4").reshape(rows, -1)


def fresh_meter(task: "Task", other: Meter) -> Meter:
    """Return the meter that the best masks are measured on again.

    Its chunks are as long as text is when a repair is judged: what late heads are for shows only in long contexts, and
    on 64 tokens masks seemed free that cost a tenth of perplexity.
    """
    return Meter(task, FRESH, chunks=12, length=LONG, stage="finalists", other=other)


TIMES = 10
"""How many times a label's items the base model's slopes are measured on once more, at most."""


def widths(probes: int, chunks: int, length: int, times: int = TIMES) -> tuple[int, int]:
    """Return so many times as many probes, and as much text in chunks of `LONG` tokens, as a label has."""
    return times * probes, max(1, times * chunks * length // LONG)


def wide_meter(meter: Meter, probes: int, chunks: int) -> Meter:
    """Return the meter that the slopes of the base model are measured with once more: on many probes, on long text.

    On two dozen probes and some hundred tokens the slopes of 270 heads are half chance, and the best of many masks are
    those that chance favours; on ten times as many, for the price of ten masks, all masks are known better
    (`labelled.Shift`).
    """
    return Meter(meter.task, probes, chunks, LONG, stage="wide", short=False)


def repacked(batches: Sequence[Batch], items: Sequence[int], tokens: int = 768) -> list[Batch]:
    """Return batches that answer only these items, numbered in the order given; texts of similar length together."""
    shared = {item: common for batch in batches for item, common in zip(batch.items, batch.shared, strict=True)}
    texts = {item: (*pair, shared[item]) for item, pair in texts_of(batches).items()}
    order = sorted(range(len(items)), key=lambda i: (-max(map(len, texts[items[i]][:2])), i))
    found: list[Batch] = []
    while order:
        fit = max(1, tokens // (2 * max(map(len, texts[items[order[0]]][:2]))))
        part, order = order[:fit], order[fit:]
        found.append(_packed(part, [texts[items[i]] for i in part], batches[0].ids.device))
    return found


def _packed(places: Sequence[int], texts: Sequence[tuple[*Texts, int]], device: torch.device) -> Batch:
    rows = [text for a, b, _ in texts for text in (a, b)]
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for row, text in enumerate(rows):
        ids[row, : len(text)] = torch.tensor(text)
    return Batch(
        ids=ids.to(device),
        last=torch.tensor([len(text) - 1 for text in rows], device=device),
        items=tuple(places),
        pairs=torch.arange(len(rows), device=device).unflatten(0, (-1, 2)),
        shared=tuple(shared for *_, shared in texts),
    )


def _chosen(task: "Task", count: int, taken: Sequence[int], short: bool) -> list[int]:
    """Return which search probes to ask, axes in turn: of all that are left, or of their shortest."""
    asked = _short(task, taken) if short else [p for item, p in enumerate(task.search) if item not in taken]
    chosen = {id(probe) for probe in stratified(asked, count)}
    return [item for item, probe in enumerate(task.search) if id(probe) in chosen]


def _short(task: "Task", taken: Sequence[int]) -> list[Probe]:
    """Return the shortest third of each axis and frame that is left."""
    length = {
        item: max(int(batch.last[row]) for row in batch.pairs[place].tolist())
        for batch in task.search_batches
        for place, item in enumerate(batch.items)
    }
    groups: dict[tuple[str, str], list[int]] = {}
    for item, probe in enumerate(task.search):
        if item in taken:
            continue
        groups.setdefault((probe.axis, probe.frame), []).append(item)
    short: dict[int, Probe] = {}
    for group in groups.values():
        ranked = sorted(group, key=lambda item: (length[item], item))
        short |= {id(task.search[item]): task.search[item] for item in ranked[: -(-len(ranked) // 3)]}
    return list(short.values())


def _chunks(text: Sequence[Batch], count: int, length: int, begin: int) -> list[Batch]:
    """Return chunks from all over the text, cut to `length` tokens from `begin` on (from 0 where they are short)."""
    rows: Tensor = torch.cat([batch.ids for batch in text])
    spread = np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)
    begin = begin if begin + length <= rows.shape[1] else 0
    return text_batches(rows[spread.tolist(), begin : begin + length], rows=count, device=rows.device)


def heads_of(units: Sequence[Unit]) -> list[Unit]:
    """Return the heads among these units, in order: the bits of a mask."""
    return sorted(unit for unit in units if unit.kind == "head")
