"""The edit of every attention output: which second moments stand for harm and for what must stay."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from fairhub.edit.healing import Key, Patch
from fairhub.measure.judgement.gaps import MEANT
from fairhub.methods.erasure.items import Item
from fairhub.methods.erasure.reads import Reads
from fairhub.methods.erasure.solve import Erasing, Term
from fairhub.model.architecture import sites
from fairhub.model.units import Site
from fairhub.run.processes import spread

_LEAST = 4
"""Cells that a mean difference of two groups, items that a second moment of meaning is taken of, at least."""


Rested = Callable[[np.ndarray], np.ndarray]
"""Puts an array where it rests."""


@dataclass(frozen=True)
class Erasure:
    """How much is erased against what must stay. One dial is searched, `strength`; the others are fixed."""

    strength: float = 1.0
    """How much a judgement's square counts against a square of what must stay."""
    broad: float = 0.3
    """How much of the left side is every direction alike, as a share of the judgement words' own: words that nobody
    listed read a little everywhere."""
    keep: float = 0.5
    """Weight of meaning and recall."""
    merit: float = 6.0
    """Weight of what merit says to judgements, and in part of what merit and incidental traits say to anything."""
    control: float = 14.0
    """Weight of what control pairs (Monday or Tuesday) say to anything: most of all reactions are like theirs."""
    text: float = 0.3
    """Weight of the next token of neutral text."""
    also: float = 0.0
    """How much everything that follows a group's name counts as a reader, against judgement words; 0: they alone."""


def erase(
    model: PreTrainedModel, seen: Mapping[Key, Reads], items: Sequence[Item], erasure: Erasure,
    progress: Callable[[int], None] | None = None, unread: Iterable[str] = (), rested: Rested = np.asarray,
) -> Patch:  # fmt: skip
    """Return the edited weights of every attention output, [out, in] float32 on the CPU, by layer and kind.

    Args:
        model: The base model that the sweep saw.
        seen: What the sweep saw of it.
        items: Of the sweep.
        erasure: How much is erased.
        progress: Told of every layer that is done.
        unread: Dimensions whose words are not to be among those that judge.
        rested: Puts an edited weight where it rests.
    """
    return erase_each(model, seen, items, erasure, [erasure.strength], progress, unread, rested)[0]


def erase_each(
    model: PreTrainedModel, seen: Mapping[Key, Reads], items: Sequence[Item], erasure: Erasure,
    strengths: Sequence[float], progress: Callable[[int], None] | None = None, unread: Iterable[str] = (),
    rested: Rested = np.asarray,
) -> list[Patch]:  # fmt: skip
    """Return what `erase` does, for each of these strengths: most of the work is the same for all."""
    places = [site for site in sites(model) if (site.layer, site.kind) in seen]
    known = Placed(items, unread)

    def edited(site: Site) -> list[torch.Tensor]:
        weight = site.weight.detach().double().cpu().numpy()
        problem = Erasing(weight, *terms(seen[site.layer, site.kind], known, erasure))
        made = ((weight + problem.least(strength)).astype(np.float32) for strength in strengths)
        found = [torch.from_numpy(rested(edit)) for edit in made]
        if progress:
            progress(1)
        return found

    weights = spread(places, edited)
    keys = [(site.layer, site.kind) for site in places]
    return [dict(zip(keys, patch, strict=True)) for patch in zip(*weights, strict=True)]


class Placed:
    """Places of items by kind and axis, and couples of texts that differ by group."""

    def __init__(self, items: Sequence[Item], unread: Iterable[str] = ()) -> None:
        """Sort them; words of `unread` dimensions do not judge."""
        self._unread = frozenset(unread)
        self.kind = np.array([item.kind for item in items])
        self.axis = np.array([item.axis for item in items])
        self.judged = (self.kind == "judged") & np.array([not item.reads & self._unread for item in items], dtype=bool)
        self.axes = sorted({item.axis for item in items if item.kind == "judged"})
        self._couples: dict[tuple[str, bool], dict[tuple[str, str], np.ndarray]] = {}
        self._cells: dict[int, list[int]] = {}
        for place, item in enumerate(items):
            if item.cell >= 0:
                self._cells.setdefault(item.cell, []).append(place)
        self._group = [item.group for item in items]
        self._wide = [item.wide for item in items]
        self._reads = [item.reads for item in items]

    def judging(self) -> dict[tuple[str, ...], np.ndarray]:
        """Return places of the items whose contrasts judge the groups of some axes, by these axes.

        All do but those that read words which follow from the name of a group of the axis (`MEANT`).
        """
        found: dict[bytes, tuple[np.ndarray, list[str]]] = {}
        for axis in self.axes:
            meant = self._unread | {dimension for its, dimension in MEANT if its == axis}
            mask = self.judged & np.array([not (reads & meant) for reads in self._reads], dtype=bool)
            found.setdefault(mask.tobytes(), (mask, []))[1].append(axis)
        return {tuple(axes): mask for mask, axes in found.values()}

    def couples(self, axis: str, wide: bool = False) -> dict[tuple[str, str], np.ndarray]:
        """Return [cells, 2] places of the texts of every two groups of an axis, or of merit, other traits, controls.

        Args:
            axis: Which.
            wide: Those of the terms that only a fit sees, instead of the others.
        """
        if (axis, wide) in self._couples:
            return self._couples[axis, wide]
        found: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for places in self._cells.values():
            mine = [place for place in places if self.axis[place] == axis and self._wide[place] == wide]
            for n, one in enumerate(mine):
                for other in mine[n + 1 :]:
                    found.setdefault((self._group[one], self._group[other]), []).append((one, other))
        self._couples[axis, wide] = {groups: np.array(couples) for groups, couples in found.items()}
        return self._couples[axis, wide]

    def differences(self, axis: str, values: np.ndarray) -> np.ndarray:
        """Return the differences within all cells of an axis, [couples, in]."""
        rows = [values[c[:, 0]] - values[c[:, 1]] for c in self.couples(axis).values()]
        return np.concatenate(rows) if rows else np.zeros((0, values.shape[1]))


def terms(reads: Reads, items: Placed, erasure: Erasure) -> tuple[list[Term], list[Term]]:
    """Return what is erased and what is kept at one projection, in squared changes of log-odds."""
    found = _Moments(reads, items, erasure)
    text = Term(found.text, erasure.text * _ridged(reads.text_inputs / reads.text, 0.01), "text")
    keep = [text, *_early(reads, items, erasure), *_meaning(found, items, erasure), *_traits(found, items, erasure)]
    return _harm(found, items, erasure), keep


def harm(reads: Reads, items: Placed, erasure: Erasure) -> list[Term]:
    """Return what is erased at one projection, as `terms` has it."""
    return _harm(_Moments(reads, items, erasure), items, erasure)


class _Moments:
    """What several terms of a projection are made of."""

    def __init__(self, reads: Reads, items: Placed, erasure: Erasure) -> None:
        self.inputs, self.gradients = reads.inputs.astype(np.float64), reads.gradients.astype(np.float64)
        self.equal = _equal_means(items, self.inputs)
        self.text = _ridged(reads.text_gradients / reads.text, 0.05)
        """[out, out] what reads anything: the next token of neutral text."""
        judged = self.gradients[items.judged]
        self.scale = float((judged**2).sum() / max(len(judged), 1) / np.trace(self.text))
        """By which it is as large as what judges."""


def _harm(moments: _Moments, items: Placed, erasure: Erasure) -> list[Term]:
    anything = moments.text * (erasure.also * moments.scale)
    found = []
    for axes, mask in items.judging().items():
        left = _ridged(_moment(moments.gradients[mask]), erasure.broad) + anything
        found.append(Term(left, np.asarray(sum(moments.equal[axis] for axis in axes) / len(moments.equal))))
    return found


def _equal_means(items: Placed, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return the moments of group means of every axis, [in, in], as large for each.

    Those of the common terms and of the wide ones are taken apart, as large as each other: what common terms share is
    more than what all do, and what all share is what carries over to other people's terms.
    """
    parts = {
        axis: [group_means(items.couples(axis, wide).values(), inputs) for wide in (False, True)] for axis in items.axes
    }
    known = {axis: [m for m in moments if np.trace(m) > 0] for axis, moments in parts.items()}
    sizes = [np.trace(moment) for moments in known.values() for moment in moments]
    size, zero = float(np.mean(sizes)) if sizes else 0.0, np.zeros((inputs.shape[1],) * 2)
    return {
        axis: sum((m * (size / np.trace(m)) for m in moments), zero) / max(len(moments), 1)
        for axis, moments in known.items()
    }


def group_means(couples: Iterable[np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Return the second moment of the mean differences of groups, [in, in], without what chance makes of it.

    For every two groups m m' less the covariance of the mean m over cells; what is left of it below 0 is cut.
    """
    means, rests = [], []
    for couple in couples:
        if len(couple) >= _LEAST:
            apart = inputs[couple[:, 0]] - inputs[couple[:, 1]]
            means.append(apart.mean(0))
            rests.append((apart - means[-1]) / (len(couple) * (len(couple) - 1)) ** 0.5)
    if not means:
        return np.zeros((inputs.shape[1],) * 2)
    rows = np.concatenate([np.stack(means), *rests]) / len(means) ** 0.5
    signs = np.where(np.arange(len(rows)) < len(means), 1.0, -1.0)
    basis = np.linalg.qr(rows.T)[0]  # all happens between these directions, fewer than there are where cells are few
    inner = rows @ basis
    values, vectors = np.linalg.eigh((inner.T * signs) @ inner)
    vectors = basis @ vectors[:, values > 0]
    return np.asarray((vectors * values[values > 0]) @ vectors.T)


def _early(reads: Reads, items: Placed, erasure: Erasure) -> list[Term]:
    """What must stay reads tokens before the last too; a text has several, whose changes add."""
    texts = int(np.isin(items.kind, ("meaning", "recall", "merit")).sum())
    if not reads.early or not texts:
        return []
    return [Term(reads.early_gradients / reads.early, erasure.keep * reads.early_inputs / texts, "earlier tokens")]


def _meaning(moments: _Moments, items: Placed, erasure: Erasure) -> list[Term]:
    """Meaning of an axis is read of its own groups' inputs, and of all alike; recall of its own texts."""
    inputs, gradients, means = moments.inputs, moments.gradients, moments.equal
    right = sum(means.values(), np.zeros((inputs.shape[1],) * 2)) / max(len(means), 1)
    found = []
    every = items.kind == "meaning"
    for axis in items.axes:
        mine = every & (items.axis == axis)
        if mine.sum() >= _LEAST:
            share = erasure.keep * mine.sum() / every.sum()
            found.append(Term(_moment(gradients[mine]), share * (_moment(inputs[mine]) + means[axis]), "meaning"))
    if every.sum() >= _LEAST:
        found.append(Term(_moment(gradients[every]), erasure.keep * (right + 0.3 * _moment(inputs[every])), "meaning"))
    recall = items.kind == "recall"
    if recall.sum() >= _LEAST:
        found.append(Term(_moment(gradients[recall]), erasure.keep * _moment(inputs[recall]), "recall"))
    return found


def _traits(moments: _Moments, items: Placed, erasure: Erasure) -> list[Term]:
    """What merit says to judgements must stay, and what merit, other traits and controls say to any next token."""
    found = []
    weights = {"merit": 0.3 * erasure.merit, "incidental": 0.3 * erasure.merit, "control": erasure.control}
    for family, weight in weights.items():
        apart = items.differences(family, moments.inputs)
        if len(apart) >= _LEAST:
            found.append(Term(moments.text, weight * moments.scale * _moment(apart), family))
            if family == "merit":
                merit = moments.gradients[items.kind == "merit"]
                found.append(Term(_moment(merit), erasure.merit * _moment(apart), family))
    return found


def _moment(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows.T @ rows / max(len(rows), 1))


def _ridged(moment: np.ndarray, share: float) -> np.ndarray:
    return np.asarray(moment + share * np.trace(moment) / len(moment) * np.eye(len(moment)))
