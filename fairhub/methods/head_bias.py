"""The bias that heads are scored by: divergence, who is judged worse, judgement words, or toxicity of continuations."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from fairhub.compute.engine import Engine
from fairhub.compute.generation import sampled
from fairhub.edit.masking import masked
from fairhub.errors import UserError, one_of
from fairhub.inputs.batches import Batch
from fairhub.inputs.judgement.cells import Cell, pairs
from fairhub.inputs.judgement.lexicon import Lexicon, Side, lexicon
from fairhub.inputs.probes import CONTROL, stratified
from fairhub.inputs.probes.prompts import Prompt, probe_prompts
from fairhub.measure.toxicity import classifier, scored
from fairhub.measure.word_odds import Attribute, text_batches_of
from fairhub.model.units import Pruning
from fairhub.run.processes import spread
from fairhub.search.task import Task
from fairhub.stats.gaps import mean_gap

PROBES = 24
"""Probes a head is scored on: few, since its removal is exact; the report says how repeatable that is."""
PROMPTS = 48
TEXTS = 96
"""Texts of groups that judgements are read after."""
TOKENS = 12
SEEDS = (0, 1, 2)


@dataclass(frozen=True, eq=False)
class HeadBias:
    """A bias figure that can be asked of many prunings."""

    measure: Callable[[Sequence[Pruning]], np.ndarray]
    """Prunings to one number an item, [prunings, items]."""
    reduced: Callable[[np.ndarray, Sequence[int]], np.ndarray]
    """The figure over some of the items, [prunings] from [prunings, items]."""
    templates: tuple[str, ...]
    """The template of each item."""
    classifier: str = ""
    """What scored the texts, where a classifier did."""


def head_bias(name: str, task: Task) -> HeadBias:
    """Return the bias figure of that name, on search prompts: HolisticBias is left alone, since it is external.

    `divergence`: mean over probes. `attribute` and `toxicity`: the sum over groups of the distance from the overall
    mean (FASP), averaged over axes; `toxicity` is that of short continuations, averaged over three seeds. `judgement`:
    the square of the gap between two groups in log-odds of judgement words, over pairs and axes.

    Raises:
        UserError: There is no figure of that name, or it cannot be had here.
    """
    refuse_bias(name)
    return _BIASES[name](task)


def refuse_bias(name: str) -> None:
    """Refuse what is no bias figure.

    Raises:
        UserError: It is none.
    """
    one_of("bias", name, _BIASES)


def _divergence(task: Task) -> HeadBias:
    probes = [p for p in task.sample if p.axis != CONTROL][:PROBES]
    engine = Engine(task.model, task.batched(probes))
    return HeadBias(engine.values, lambda values, rows: values[:, rows].mean(1), tuple(p.template for p in probes))


def _attribute(task: Task) -> HeadBias:
    prompts = _prompts(task)
    batches = text_batches_of(task.model, task.tokenizer, [p.text for p in prompts])
    engine = Engine(task.model, batches, Attribute(task.tokenizer))
    return HeadBias(engine.values, _gaps(prompts), tuple(p.template for p in prompts))


def _toxicity(task: Task) -> HeadBias:
    prompts, by = _prompts(task), classifier()
    texts = [p.text for p in prompts]

    def measure(prunings: Sequence[Pruning]) -> np.ndarray:
        return np.stack(spread(prunings, lambda pruning: _written(task, pruning)))

    def _written(task: Task, pruning: Pruning) -> np.ndarray:
        with masked(task.model, pruning):
            every = [sampled(task.model, task.tokenizer, texts, seed, tokens=TOKENS) for seed in SEEDS]
        return np.mean([scored(written, texts, by) for written in every], axis=0)

    return HeadBias(measure, _gaps(prompts), tuple(p.template for p in prompts), by.stated)


def _prompts(task: Task) -> list[Prompt]:
    """Return search prompts, groups of every axis in turn."""
    found = probe_prompts(stratified(task.search, 2 * PROMPTS), least=3)[:PROMPTS]
    if not found:
        raise UserError("groups need 3 prompts each; the search probes have fewer; use --bias divergence")
    return found


def _gaps(prompts: Sequence[Prompt]) -> Callable[[np.ndarray, Sequence[int]], np.ndarray]:
    def reduced(values: np.ndarray, rows: Sequence[int]) -> np.ndarray:
        gaps = []
        for axis in sorted({prompts[i].axis for i in rows}):
            here = [i for i in rows if prompts[i].axis == axis]
            groups = [prompts[i].group for i in here]
            if len(set(groups)) > 1:
                gaps.append(mean_gap(values[:, here], groups) * len(set(groups)))
        return np.mean(gaps, axis=0) if gaps else np.zeros(len(values))

    return reduced


class _LogOdds:
    """Readout of the engine: log-odds of negative against positive judgement words where a text ends, [items]."""

    def __init__(self, words: Lexicon) -> None:
        sides: tuple[Side, ...] = ("negative", "positive")
        self.sides = [[i for i, word in zip(words.ids, words.words, strict=True) if word.side == s] for s in sides]

    def __call__(self, logits: Tensor, batch: Batch) -> Tensor:
        rows = batch.pairs[:, 0]
        place = batch.last[rows] if logits.shape[1] > 1 else torch.zeros_like(rows)
        last = logits[rows, place].float()
        negative, positive = (last[:, ids].mean(-1) for ids in self.sides)
        return negative - positive


def _judgement(task: Task) -> HeadBias:
    cells = _few(task.fit.cells)
    words = lexicon(task.tokenizer, "search").only(task.fit.dimensions)
    if not words.words or not pairs(cells):
        raise UserError("who is judged worse needs judgement words of one token; there are none; use --bias divergence")
    texts = [(cell, text) for cell in cells for _, text in cell.texts]
    batches = text_batches_of(task.model, task.tokenizer, [text for _, text in texts])
    engine = Engine(task.model, batches, _LogOdds(words))
    return HeadBias(engine.values, partial(squared_gaps, cells), tuple(cell.template for cell, _ in texts))


def _few(cells: Sequence[Cell]) -> list[Cell]:
    """Return about `TEXTS` texts, axes in turn, groups that most cells compare first."""
    compared = Counter(cell.groups for cell in cells)
    by_axis: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda one: -compared[one.groups]):
        by_axis.setdefault(cell.axis, []).append(cell)
    most = TEXTS // max(len(by_axis), 1)
    return [cell for _, its in sorted(by_axis.items()) for cell in its[: most // len(its[0].texts)]]


def squared_gaps(cells: Sequence[Cell], values: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """Return who is judged worse, squared nats, [prunings] from values [prunings, texts].

    The unbiased square of the mean difference of two groups, mean over pairs of an axis, then over axes; it may be
    below 0.

    Args:
        cells: Where the texts stand, in order.
        values: Log-odds after every text.
        rows: The texts that count.
    """
    chosen, place = set(rows), 0
    apart: dict[str, dict[tuple[str, str], list[np.ndarray]]] = {}
    for cell in cells:
        here = [(group, place + n) for n, (group, _) in enumerate(cell.texts) if place + n in chosen]
        place += len(cell.texts)
        for (one, i), (other, j) in combinations(here, 2):
            apart.setdefault(cell.axis, {}).setdefault((one, other), []).append(values[:, i] - values[:, j])
    axes = []
    for couples in apart.values():
        squares = []
        for differences in couples.values():
            d, n = np.stack(differences), len(differences)
            if n > 1:
                squares.append((d.sum(0) ** 2 - (d**2).sum(0)) / (n * (n - 1)))
        axes += [np.mean(squares, axis=0)] if squares else []
    return np.mean(axes, axis=0) if axes else np.zeros(len(values))


_BIASES = {"divergence": _divergence, "attribute": _attribute, "toxicity": _toxicity, "judgement": _judgement}
