"""Probes packed: texts of several probes as token trees in rows, so that what they begin with is computed once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.compute.trees.packing import packed, packs
from fairhub.compute.trees.tree import forest
from fairhub.inputs.batches import Batch, Texts, texts_of
from fairhub.inputs.sequences import common_beginning


@dataclass(frozen=True, eq=False)
class Given:
    """What one forward is given, and where its texts end."""

    ids: Tensor
    """[rows, positions]"""
    more: dict[str, Tensor]
    """Positions and mask, rows first, where tokens do not simply stand behind one another."""
    last: Tensor
    """[texts, 2] row and place where each text ends."""
    batch: Batch
    """Whose items and pairs they are; of packed rows its pairs count texts."""

    @property
    def tokens(self) -> int:
        """How many tokens a forward computes, padding included."""
        return self.ids.numel()

    def arguments(self, copies: int) -> dict[str, Tensor]:
        """Return what a model's forward is given for so many copies of the rows, one behind the other."""
        every = {"input_ids": self.ids} | self.more
        return {name: values.repeat(copies, *[1] * (values.dim() - 1)) for name, values in every.items()}

    def ends(self, copies: int) -> Tensor:
        """Return row and place where the texts of all copies end, [texts of all copies, 2]."""
        rows = torch.tensor([len(self.ids), 0])
        return torch.cat([self.last + copy * rows for copy in range(copies)])


def plain(batch: Batch) -> Given:
    """Return a batch as it is: a text a row."""
    return Given(batch.ids, {}, torch.stack([torch.arange(len(batch.ids)), batch.last.cpu()], 1), batch)


def packed_probes(model: PreTrainedModel, batches: Sequence[Batch]) -> list[Given]:
    """Return the probes of some batches packed, in about as many batches; as they are where the model can't do it."""
    texts = texts_of(batches)
    size = max((batch.tokens for batch in batches), default=0)
    found = [_packed(model, texts, items) for items in _grouped(texts, size)]
    return [plain(b) for b in batches] if any(one is None for one in found) else [one for one in found if one]


def _grouped(texts: dict[int, Texts], size: int) -> Iterator[list[int]]:
    """Yield probes that begin alike, of about so many tokens together."""
    items: list[int] = []
    total = 0
    before: tuple[int, ...] = ()
    for item in sorted(texts, key=lambda item: (texts[item], item)):
        a, b = texts[item]
        more = len(a) - common_beginning(before, a) + len(b) - common_beginning(a, b)
        if items and total + more > size:
            yield items
            items, total, more = [], 0, len(a) + len(b) - common_beginning(a, b)
        items.append(item)
        total, before = total + more, a
    if items:
        yield items


def _packed(model: PreTrainedModel, texts: dict[int, Texts], items: Sequence[int]) -> Given | None:
    distinct = sorted({ids for item in items for ids in texts[item]})
    number = {ids: place for place, ids in enumerate(distinct)}
    trees = forest(distinct, least=1)
    (rows,) = packed(trees, tokens=1 << 40, places=lambda _: 0, most=1)
    if not packs(model, rows.shape[1]):
        return None
    given = rows.arguments(model)
    ends = {i: run.last for run in rows.runs for i in run.node.ends}
    at = torch.tensor([ends[place] for place in range(len(distinct))])
    pairs = torch.tensor([[number[ids] for ids in texts[item]] for item in items], device=given["input_ids"].device)
    ids = given.pop("input_ids")
    batch = Batch(ids, at[:, 1], tuple(items), pairs, (0,) * len(items))
    return Given(ids, given, at, batch)
