"""One forward and one backward over texts: inputs of output projections, and gradients of what is read there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.compute.engine import log_probabilities, logits_at
from fairhub.edit.healing import SHARDS, Key
from fairhub.inputs.sequences import alike
from fairhub.methods.erasure.items import Item
from fairhub.methods.erasure.last_tokens import Ends, last_tokens, last_tokens_computed
from fairhub.methods.erasure.reads import Reads
from fairhub.methods.erasure.store import SUMS, Parts, Store
from fairhub.model.architecture import sites
from fairhub.model.facts import home
from fairhub.model.streaming.layers import streamed_of
from fairhub.model.streaming.steps import hook_after, in_step, side_by_side, waiting
from fairhub.model.units import Site
from fairhub.run.processes import spread, state
from fairhub.run.progress import Progress

TOKENS = 768
"""Tokens of a batch of texts, padding included."""
_PIECE = 256
"""Items whose beginnings are shared, whatever their number."""
_SUMS = 256 << 20
"""Bytes of sums that memory holds, twice, of a model that is in memory; what is more is added in files."""
_ROWS = 4
"""Chunks of neutral text at once: logits of all their tokens are held."""


def sweep(
    model: PreTrainedModel, items: Sequence[Item], text: Tensor, progress: Progress | None = None,
    scratch: Path | None = None,
) -> Iterator[tuple[Key, Reads]]:  # fmt: skip
    """Yield what is seen at every attention output projection, one at a time.

    Attention is what carries a group's name to where a judgement comes, so that its outputs are where it can be caught.
    Batches are dealt into shards, as many whatever the number of processes, and summed in their order.

    Args:
        model: A causal language model.
        items: What is read; gradients are taken of their contrasts.
        text: [chunks, tokens] neutral text.
        progress: Told how many tokens were computed.
        scratch: A folder for what was seen so far (`sweep_bytes`); None: one of the system's.

    Raises:
        OSError: The disk is full.
    """
    places = [site for site in sites(model) if site.kind == "head"]
    work = _work(items, text, side_by_side(model, _ROWS))
    shards = [work[place::SHARDS] for place in range(min(SHARDS, len(work)))]
    here, at_once = state().process_index, state().num_processes
    most = _SUMS if streamed_of(model) is None else 0
    with TemporaryDirectory(dir=scratch) as folder:
        total = Store(Path(folder) / "total", most)
        for begin in range(0, len(shards), at_once):
            now, mine = shards[begin : begin + at_once], Store(Path(folder) / "shard", most)
            if here < len(now):
                _add_shard_(mine, model, places, items, now[here], progress)
            for site in places:  # one at a time: all shards of all would not fit
                key = (site.layer, site.kind)
                for part in spread(range(len(now)), lambda _, key=key, mine=mine: mine.of(key)):  # type: ignore[misc]
                    total.add_(key, part)
                mine.drop(key)
        for site in places:
            key = (site.layer, site.kind)
            yield key, _reads(total.of(key), len(items))
            total.drop(key)


def sweep_bytes(model: PreTrainedModel, items: Sequence[Item]) -> int:
    """Return the bytes that a sweep takes on the disk at most: everything, and once more what a shard adds to sums."""
    shapes = [site.module.weight.shape for site in sites(model) if site.kind == "head"]
    rows = len(items) + -(-len(items) // SHARDS)
    return 4 * sum(rows * sum(shape) + 4 * sum(side**2 for side in shape) for shape in shapes)


def sweep_tokens(items: Sequence[Item], text: Tensor) -> int:
    """Return how many tokens a sweep computes, padding included."""
    return sum(_tokens(items, piece) for piece in _work(items, text))


def pulled_tokens(items: Sequence[Item], text: Tensor) -> int:
    """Return through how many tokens of a sweep gradients go."""
    work = _work(items, text)
    return sum(len(p.items) if isinstance(p, _Piece) and not p.early else _tokens(items, p) for p in work)


@dataclass(frozen=True)
class _Piece:
    """Places of items that are computed together."""

    items: list[int]
    early: bool
    """Whether tokens before the last are read too."""


def _work(items: Sequence[Item], text: Tensor, rows: int = _ROWS) -> list[_Piece | Tensor]:
    """Return all that is computed, in pieces: items of which earlier tokens are read, others, and chunks of text."""
    stays = [i for i, item in enumerate(items) if item.stays or len(item.ids) == 1]
    rest = {i: items[i].ids for i in sorted({*range(len(items))} - {*stays})}
    others = [_Piece(piece, False) for piece in alike(rest, _PIECE)]
    return [*(_Piece(batch, True) for batch in _batches(items, stays)), *others, *text.split(rows)]


def _tokens(items: Sequence[Item], piece: _Piece | Tensor) -> int:
    """Return the tokens of chunks of text, or of a piece of items."""
    if isinstance(piece, Tensor):
        return piece.numel()
    if piece.early:
        return len(piece.items) * max(len(items[i].ids) for i in piece.items)
    return last_tokens_computed([items[i].ids for i in piece.items])


def _batches(items: Sequence[Item], places: Sequence[int]) -> list[list[int]]:
    """Return places of items, those of like length together, so many that a batch has about `TOKENS`."""
    found: list[list[int]] = []
    for i in sorted(places, key=lambda i: (len(items[i].ids), i)):
        if not found or (len(found[-1]) + 1) * len(items[i].ids) > TOKENS:
            found.append([])
        found[-1].append(i)
    return found


def _add_shard_(
    store: Store, model: PreTrainedModel, places: Sequence[Site], items: Sequence[Item],
    work: Sequence[_Piece | Tensor], progress: Progress | None,
) -> None:  # fmt: skip
    def take(piece: _Piece | Tensor) -> None:
        for part in _of_piece(model, places, items, piece):
            for key, seen in part.items():
                store.add_(key, seen)
        if progress:
            progress(_tokens(items, piece))

    list(in_step(model, waiting(model, TOKENS, back=True))(take, work))


def _of_piece(
    model: PreTrainedModel, places: Sequence[Site], items: Sequence[Item], piece: _Piece | Tensor
) -> list[dict[Key, Parts]]:
    """Return what is seen of a piece of the work."""
    if isinstance(piece, Tensor):
        return [_of_text(model, places, piece)]
    if piece.early:
        return [_of_items(model, places, items, piece.items)]
    return _of_last_tokens(model, places, items, piece.items)


def _of_last_tokens(
    model: PreTrainedModel, places: Sequence[Site], items: Sequence[Item], piece: Sequence[int]
) -> list[dict[Key, Parts]]:
    """Return rows at the last tokens of items of which nothing before is read."""
    found: list[dict[Key, Parts]] = []

    def pull(ends: Ends, logits: Callable[[], Tensor]) -> None:
        batch = [piece[number] for number in ends.numbers]
        rows, at = torch.tensor(ends.at).T
        with _watched(places, ends.shape) as seen:
            pulled = _pulled(_read([items[i] for i in batch], logits()), seen)
        found.append({
            key: {
                "places": np.array(batch), "inputs": inputs[rows, at].numpy(), "gradients": gradients[rows, at].numpy(),
            }
            for key, (inputs, gradients) in pulled.items()
        })  # fmt: skip

    last_tokens(model, [items[i].ids for i in piece], pull, tokens=TOKENS)
    return found


def _read(batch: Sequence[Item], logits: Tensor) -> Tensor:
    """Return the sum of the contrasts of some items, of logits [items, vocabulary]."""
    return torch.stack([
        (row[list(item.tokens)] * torch.tensor(item.weights).to(row)).sum()
        for item, row in zip(batch, logits, strict=True)
    ]).sum()  # fmt: skip


def _of_items(
    model: PreTrainedModel, places: Sequence[Site], items: Sequence[Item], batch: Sequence[int]
) -> dict[Key, Parts]:
    """Return rows at the last tokens of a batch, and sums over what must stay before them."""
    longest = max(len(items[i].ids) for i in batch)
    ids = torch.tensor([[*items[i].ids, *[0] * (longest - len(items[i].ids))] for i in batch], device=home(model))
    rows, last = torch.arange(len(batch)), torch.tensor([len(items[i].ids) - 1 for i in batch])
    stays = torch.tensor([items[i].stays for i in batch])
    early = stays[:, None] & (torch.arange(longest)[None] < last[:, None])
    with torch.enable_grad(), _watched(places, ids.shape) as seen:
        with logits_at(model, torch.stack([rows, last], 1)):
            logits = model(ids, use_cache=False).logits[:, 0].float()
        pulled = _pulled(_read([items[i] for i in batch], logits), seen)
    found: dict[Key, Parts] = {}
    for key, (inputs, gradients) in pulled.items():
        x, g = inputs[early], gradients[early]
        found[key] = {
            "places": np.array(batch), "inputs": inputs[rows, last].numpy(), "gradients": gradients[rows, last].numpy(),
            "early_inputs": (x.T @ x).numpy(), "early_gradients": (g.T @ g).numpy(), "early": np.array(len(x)),
        }  # fmt: skip
    return found


def _of_text(model: PreTrainedModel, places: Sequence[Site], ids: Tensor) -> dict[Key, Parts]:
    """Return sums over all tokens of some chunks; gradients are those of the log-likelihood of what follows."""
    ids = ids.to(home(model))
    with torch.enable_grad(), _watched(places, ids.shape) as seen:
        log_p = log_probabilities(model(ids, use_cache=False).logits[:, :-1])
        pulled = _pulled(log_p.gather(2, ids[:, 1:, None].to(log_p.device)).sum(), seen)
    found: dict[Key, Parts] = {}
    for key, (inputs, gradients) in pulled.items():
        x, g = inputs.flatten(0, 1), gradients.flatten(0, 1)
        found[key] = {
            "text_inputs": (x.T @ x).numpy(), "text_gradients": (g.T @ g).numpy(), "text": np.array(len(x)),
        }  # fmt: skip
    return found


Watched = dict[Key, tuple[Tensor, Tensor]]


@contextmanager
def _watched(places: Sequence[Site], shape: tuple[int, ...]) -> Iterator[Watched]:
    """Fill a dict with each projection's input, [rows, tokens, in], and a zero added to its output, to pull at."""
    seen: Watched = {}

    def hook(key: Key) -> Callable[..., Tensor]:
        def added(module: torch.nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            zero = torch.zeros_like(output, requires_grad=True)
            seen[key] = args[0].detach().reshape(*shape, -1), zero
            return output + zero

        return added

    with ExitStack() as hooks:
        for site in places:
            hooks.callback(hook_after(site.module, hook((site.layer, site.kind))).remove)
        yield seen


def _pulled(value: Tensor, seen: Watched) -> dict[Key, tuple[Tensor, Tensor]]:
    """Return inputs and gradients of a value, float32 on the CPU, [rows, tokens, in] and [rows, tokens, out]."""
    gradients = torch.autograd.grad(value, [zero for _, zero in seen.values()])
    return {
        key: (inputs.float().cpu(), gradient.reshape(*inputs.shape[:2], -1).float().cpu())
        for (key, (inputs, _)), gradient in zip(seen.items(), gradients, strict=True)
    }


def _reads(seen: Parts, items: int) -> Reads:
    """Return the reads, items in their order."""
    order = np.argsort(seen["places"])
    assert len(order) == items, "every item is read once"
    inputs, gradients = seen["inputs"][order], seen["gradients"][order]
    sums = {name: seen[name] for name in SUMS[2:4]}
    early = (np.zeros((part.shape[1],) * 2, dtype=np.float32) for part in (inputs, gradients))
    sums |= {name: seen.get(name, none) for name, none in zip(SUMS[:2], early, strict=True)}
    return Reads(inputs, gradients, **sums, early=int(seen.get("early", 0)), text=int(seen["text"]))
