"""Batches: texts of similar length side by side, each distinct text once, padded on the right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.probes import Probe
from fairhub.inputs.sequences import common_end
from fairhub.inputs.tokens import encode
from fairhub.model.facts import context_window, home


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of token ids. Padding stands on the right, where a causal model cannot see it, so no mask is needed."""

    ids: Tensor
    """[rows, length] token ids."""
    last: Tensor
    """[rows] position of each row's last real token."""
    items: tuple[int, ...]
    """Which probes (or chunks of text) this batch answers, by their place in the whole list."""
    pairs: Tensor
    """[items, 2] the rows of a probe's two texts; for text, the chunk's row twice."""
    shared: tuple[int, ...]
    """For each item, how many tokens its two texts have in common at their end (what follows the term)."""

    @property
    def tokens(self) -> int:
        """How many tokens a forward of this batch computes, padding included."""
        return self.ids.numel()

    def to(self, device: torch.device | str) -> "Batch":
        """Return the same batch on another device."""
        return replace(self, ids=self.ids.to(device), last=self.last.to(device), pairs=self.pairs.to(device))


Texts = tuple[tuple[int, ...], tuple[int, ...]]
"""Token ids of a probe's two texts."""


def texts_of(batches: Iterable[Batch]) -> dict[int, Texts]:
    """Return the two texts of every probe of some batches, by its place in the whole list."""
    found: dict[int, Texts] = {}
    for batch in batches:
        rows = [tuple(ids[: last + 1]) for ids, last in zip(batch.ids.tolist(), batch.last.tolist(), strict=True)]
        found |= {item: (rows[a], rows[b]) for item, (a, b) in zip(batch.items, batch.pairs.tolist(), strict=True)}
    return found


@dataclass(frozen=True)
class _Encoded:
    item: int
    a: tuple[int, ...]
    b: tuple[int, ...]
    group: str

    @property
    def length(self) -> int:
        return max(len(self.a), len(self.b))


def probe_batches(
    tokenizer: PreTrainedTokenizerBase,
    probes: Sequence[Probe],
    *,
    tokens: int = 3072,
    limit: int | None = None,
    device: torch.device | str = "cpu",
) -> list[Batch]:
    """Return batches of at most about `tokens` tokens, of similar length, so that little is padding."""
    encoded = [
        _Encoded(item, encode(tokenizer, p.text_a, limit), encode(tokenizer, p.text_b, limit), p.template)
        for item, p in enumerate(probes)
    ]
    encoded.sort(key=lambda e: (e.length, e.group, e.item))
    batches: list[Batch] = []
    current: list[_Encoded] = []
    rows: set[tuple[int, ...]] = set()
    for e in encoded:
        grown = rows | {e.a, e.b}
        if current and len(grown) * max(e.length, *(len(r) for r in rows)) > tokens:
            batches.append(_batch(current, device))
            current, grown = [], {e.a, e.b}
        current.append(e)
        rows = grown
    return [*batches, _batch(current, device)] if current else batches


def batches_for(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, probes: Sequence[Probe], tokens: int = 3072
) -> list[Batch]:
    """Return batches of probes on the model's device.

    Raises:
        UserError: The model's context window cannot hold a text, or it has no tokens.
    """
    return probe_batches(tokenizer, probes, tokens=tokens, limit=context_window(model), device=home(model))


def text_batches(chunks: Tensor, *, rows: int = 8, device: torch.device | str = "cpu") -> list[Batch]:
    """Return batches of text chunks, [chunks, length], `rows` at a time."""
    batches = []
    for start in range(0, len(chunks), rows):
        ids = chunks[start : start + rows].to(device)
        place = torch.arange(len(ids), device=device)
        batches.append(
            Batch(
                ids=ids,
                last=torch.full_like(place, ids.shape[1] - 1),
                items=tuple(range(start, start + len(ids))),
                pairs=torch.stack([place, place], dim=1),
                shared=(ids.shape[1],) * len(ids),
            )
        )
    return batches


def _batch(encoded: Iterable[_Encoded], device: torch.device | str) -> Batch:
    encoded = list(encoded)
    row_of: dict[tuple[int, ...], int] = {}
    for e in encoded:
        for ids in (e.a, e.b):
            row_of.setdefault(ids, len(row_of))
    length = max(map(len, row_of))
    padded = torch.zeros(len(row_of), length, dtype=torch.long)
    for ids, row in row_of.items():
        padded[row, : len(ids)] = torch.tensor(ids)
    return Batch(
        ids=padded.to(device),
        last=torch.tensor([len(ids) - 1 for ids in row_of], device=device),
        items=tuple(e.item for e in encoded),
        pairs=torch.tensor([[row_of[e.a], row_of[e.b]] for e in encoded], device=device),
        shared=tuple(common_end(e.a, e.b) for e in encoded),
    )
