"""Reads judgement words and shifts of the whole next-token distribution off a model, an axis at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from fairhub.compute.likelihood import read_endings, shared_tokens
from fairhub.edit.repair import Repair, applied
from fairhub.inputs.judgement.cells import Cell, Pair, pairs
from fairhub.inputs.judgement.lexicon import Lexicon
from fairhub.inputs.tokens import encode
from fairhub.model.facts import context_window, home
from fairhub.model.loading import Loaded
from fairhub.model.streaming.steps import in_step
from fairhub.report.evidence import Brought
from fairhub.run.processes import spread
from fairhub.run.progress import Progress

_MOST_WORDS = 8
LARGE = 8
"""Cells that compare two groups, from which on figures and words of the pair are told."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What a model says after the texts of some cells."""

    cells: tuple[Cell, ...]
    lexicon: Lexicon
    words: np.ndarray
    """[texts, words] log-probability of each judgement word as the next token; texts of all cells in order."""
    kernels: tuple[np.ndarray, ...]
    """For each pair of groups (`pairs(cells)`), [cells, cells] inner products of the oriented differences of
    square-root probabilities, d = (sqrt p(.|first) - sqrt p(.|second)) / sqrt 2."""
    brought: tuple[Brought, ...] = ()
    """The tokens that the names of groups bring or take most, of pairs that enough cells compare."""

    @cached_property
    def pairs(self) -> list[Pair]:
        """The pairs of groups that the kernels are of."""
        return pairs(self.cells)


def read(
    loaded: Loaded, cells: Sequence[Cell], lexicon: Lexicon, repairs: Sequence[Repair], progress: Progress | None = None
) -> list[Reading]:
    """Return what the model says under every repair; work is spread by axis.

    Args:
        loaded: The model.
        cells: What it reads, cells of an axis next to each other.
        lexicon: The words of their split.
        repairs: What is done to the model; the empty repair is the base model.
        progress: Told how many tokens were computed.

    Raises:
        UserError: A text does not fit the model's window, or logits are not finite.
    """
    blocks = _blocks(cells)
    vocabulary = loaded.model.get_output_embeddings().weight.shape[0]
    each = in_step(loaded.model, 4 * vocabulary * max(sum(len(cell.texts) for cell in part) for part in blocks))

    def block(part: Sequence[Cell]) -> list[Reading]:
        return list(each(lambda repair: _reading(loaded, part, lexicon, repair, progress), repairs))

    return [_joined(parts) for parts in zip(*spread(blocks, block, len, each), strict=True)]


PARTS = ("words", "kernels")
"""The arrays that `flat` makes of readings and `unflat` takes."""


def flat(readings: Sequence[Reading], name: str = "") -> dict[str, np.ndarray]:
    """Return readings of the same cells as arrays by `PARTS`, each beginning with [readings].

    `words` is [readings, texts, words], `kernels` [readings, numbers].

    Args:
        readings: Of the same cells.
        name: Put before the names of the arrays, where others stand beside them.
    """
    arrays = {
        "words": np.stack([reading.words for reading in readings]),
        "kernels": np.stack([np.concatenate([np.empty(0), *map(np.ravel, r.kernels)]) for r in readings]),
    }
    return {f"{name} {part}".strip(): arrays[part] for part in PARTS}


def unflat(cells: Sequence[Cell], lexicon: Lexicon, stored: Mapping[str, np.ndarray], name: str = "") -> list[Reading]:
    """Return the readings that `flat` wrote, under the same name."""
    arrays = {part: stored[f"{name} {part}".strip()] for part in PARTS}
    sizes = [len(pair.cells) for pair in pairs(cells)]
    ends = list(accumulate((n * n for n in sizes), initial=0))
    return [
        Reading(
            tuple(cells), lexicon, words,
            tuple(row[begin : begin + n * n].reshape(n, n) for begin, n in zip(ends, sizes, strict=False)),
        )
        for words, row in zip(arrays["words"], arrays["kernels"], strict=True)
    ]  # fmt: skip


def among(reading: Reading, cells: Sequence[Cell]) -> Reading:
    """Return what a reading says of some of its cells, in this order."""
    place = {cell: number for number, cell in enumerate(reading.cells)}
    begins = list(accumulate((len(cell.texts) for cell in reading.cells), initial=0))
    rows = [begins[place[cell]] + text for cell in cells for text in range(len(cell.texts))]
    known = {(pair.axis, pair.groups): (pair.cells, k) for pair, k in zip(reading.pairs, reading.kernels, strict=True)}
    kernels = []
    for pair in pairs(cells):
        among_all, kernel = known[pair.axis, pair.groups]
        mine = [among_all.index(place[cells[number]]) for number in pair.cells]
        kernels.append(kernel[np.ix_(mine, mine)])
    return Reading(tuple(cells), reading.lexicon, reading.words[rows], tuple(kernels))


def tokens(loaded: Loaded, cells: Sequence[Cell]) -> int:
    """Return how many tokens a reading of these cells computes."""
    return sum(shared_tokens(_sequences(loaded, part)) for part in _blocks(cells))


def _blocks(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Return the cells of each axis: pairs of groups lie within an axis."""
    by_axis: dict[str, list[Cell]] = {}
    for cell in cells:
        by_axis.setdefault(cell.axis, []).append(cell)
    assert list(by_axis) == sorted(by_axis), "cells come by axis, in the order of their pairs"
    return list(by_axis.values())


def _sequences(loaded: Loaded, cells: Sequence[Cell]) -> list[tuple[int, ...]]:
    limit = context_window(loaded.model)
    return [encode(loaded.tokenizer, text, limit) for cell in cells for _, text in cell.texts]


def _reading(
    loaded: Loaded, cells: Sequence[Cell], lexicon: Lexicon, repair: Repair, progress: Progress | None
) -> Reading:
    with applied(loaded.model, repair):
        roots, words = _roots(loaded, cells, progress, lexicon.ids)
    kernels, brought = [], []
    for pair in pairs(cells):
        moved = (roots[list(pair.first)] - roots[list(pair.second)]) / 2**0.5
        kernels.append((moved @ moved.T).double().cpu().numpy())
        if len(pair.cells) >= LARGE:
            brought += _largest(loaded, moved, pair)
    return Reading(tuple(cells), lexicon, words, tuple(kernels), tuple(brought))


def _roots(
    loaded: Loaded, cells: Sequence[Cell], progress: Progress | None, ids: Sequence[int] = ()
) -> tuple[Tensor, np.ndarray]:
    """Return square roots of next-token probabilities, [texts, vocabulary], and log-probabilities of `ids`."""
    sequences = _sequences(loaded, cells)
    size = loaded.model.get_output_embeddings().weight.shape[0]
    roots = torch.empty(len(sequences), size, device=home(loaded.model))
    words = np.empty((len(sequences), len(ids)))

    def take(numbers: Sequence[int], log_p: Tensor) -> None:
        roots[list(numbers)] = (log_p / 2).exp().to(roots.device)
        words[list(numbers)] = log_p[:, list(ids)].double().cpu().numpy()

    read_endings(loaded.model, sequences, take, progress=progress)
    return roots, words


def _joined(parts: Sequence[Reading]) -> Reading:
    return Reading(
        tuple(cell for part in parts for cell in part.cells), parts[0].lexicon,
        np.concatenate([part.words for part in parts]), tuple(kernel for part in parts for kernel in part.kernels),
        tuple(one for part in parts for one in part.brought),
    )  # fmt: skip


def _largest(loaded: Loaded, moved: Tensor, pair: Pair) -> list[Brought]:
    """Return the tokens with the largest mean shift; `moved` is [cells, vocabulary]."""
    mean = moved.mean(0)
    top = mean.abs().topk(min(_MOST_WORDS, len(mean))).indices
    agree = (moved[:, top].sign() == mean[top].sign()).double().mean(0)
    return [
        Brought(pair.axis, pair.groups, str(loaded.tokenizer.decode([token])), change, share, len(pair.cells))
        for token, change, share in zip(top.tolist(), mean[top].tolist(), agree.tolist(), strict=True)
    ]
