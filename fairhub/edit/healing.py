"""Healing: the columns that stay are refitted in closed form, so that neutral text keeps its outputs.

For one output projection with base weight W and inputs x, the refitted weight V (zero in the removed columns) lowers

    mean over neutral tokens |V x - W x|^2  +  keep * mean over control pairs |(V - W)(x_a - x_b)|^2
    + guard * mean over probes |V (x_a - x_b)|^2  +  ridge * |V - W|^2

which has the solution V = W A (A + guard D)^-1 on the kept columns, A the second moment of what must stay and D that of
what differs between the two texts of a probe. The second term keeps differences that are not demographic; the third
stops the columns that stay from carrying what the removed ones carried. Ridge least squares after pruning is
Hassibi & Stork 1993 (optimal brain surgeon) for a whole projection; the guarded form is ours, kin to closed-form
concept erasure (Belrose et al. 2023, LEACE). Nothing is added to the model: stock transformers loads the result.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.edit.editing import zero_
from fairhub.inputs.batches import Batch
from fairhub.model.architecture import sites
from fairhub.model.streaming.layers import Weight, replace_, replaced
from fairhub.model.streaming.steps import hook_before
from fairhub.model.units import KINDS, Kind, Pruning, Site, Unit, oriented
from fairhub.run.processes import spread, state

Key = tuple[int, Kind]
SHARDS = 8
"""Parts in which moments are summed: as many processes can share that work at most."""
Patch = dict[Key, Tensor]
"""New weights of some output projections, [out, in] float32 on the CPU, by layer and kind."""


@dataclass(frozen=True)
class Strength:
    """How a healing weighs its four aims. Weights are relative to the neutral text's own mean square."""

    guard: float = 0.3
    """What the texts of a probe differ in must not come back. 0: plain healing."""
    keep: float = 0.5
    """What control pairs differ in must stay."""
    depth: float = 0.5
    """Where guarding begins, as a share of the layers: early attention serves everything, late attention carries
    what the term said to the judgement."""
    ridge: float = 0.001
    """Pull towards the base weights, in units of the mean diagonal of the neutral second moment."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments of the inputs of output projections, [in, in] float32 on the CPU, by layer and kind."""

    text: Mapping[Key, Tensor]
    """Mean of x x^T over the tokens of neutral text."""
    bias: Mapping[Key, Tensor]
    """Attention only: mean over probes of (x_a - x_b)(x_a - x_b)^T, over the positions after the term, the last
    counting half. It is attention that carries what the term said to where the judgement comes."""
    control: Mapping[Key, Tensor]
    """The same for control probes."""


def moments(
    model: PreTrainedModel,
    text: Sequence[Batch],
    probes: Sequence[Batch],
    controls: Sequence[Batch],
    progress: Callable[[int], None] | None = None,
    kinds: Collection[Kind] = KINDS,
) -> Moments:
    """Measure what healing needs to know, in one forward over each batch: only of projections of these kinds."""
    places = [site for site in sites(model) if site.kind in kinds]
    heads = [site for site in places if site.kind == "head"]
    return Moments(
        text=_accumulate(model, text, _Asked(places, _all_tokens), progress),
        bias=_accumulate(model, probes, _Asked(heads, _differences), progress),
        control=_accumulate(model, controls, _Asked(heads, _differences), progress),
    )


def refit(model: PreTrainedModel, moments: Moments, pruning: Pruning, strength: Strength) -> Patch:
    """Return the refitted weights: of every projection that lost a unit, and with a guard of every attention too."""
    removed = _by_site(pruning)
    places = sites(model)
    first = strength.depth * (1 + places[-1].layer)
    asked: list[tuple[Site, Strength]] = []
    for site in places:
        guarded = strength.guard > 0 and site.kind == "head" and site.layer >= first
        if (site.layer, site.kind) in removed or guarded:
            asked.append((site, strength if guarded else replace(strength, guard=0.0)))

    def solved(piece: tuple[Site, Strength]) -> Tensor:
        site, here = piece
        return _refit_site(site, moments, removed.get((site.layer, site.kind), []), here)

    weights = spread(asked, solved)
    return {(site.layer, site.kind): weight for (site, _), weight in zip(asked, weights, strict=True)}


def price(model: PreTrainedModel, moments: Moments, ridge: float = 0.001) -> dict[Unit, float]:
    """Return what no healing can give back when a unit goes: mean squared error of its projection's output, a token.

    Units of projections whose inputs were not measured have no price.
    In squared units of the residual stream; for a group of columns S it is the trace of W_S (A^-1)_SS^-1 W_S^T
    (Hassibi & Stork 1993, eq. 5, for a group).
    """

    def priced(site: Site) -> dict[Unit, float]:
        weight = _to_solve(site)
        moment = moments.text[site.layer, site.kind].to(weight)
        inverse = torch.linalg.inv(moment + ridge * moment.diagonal().mean() * torch.eye(len(moment)).to(moment))
        blocks = inverse.unflatten(0, (site.count, site.width)).unflatten(2, (site.count, site.width))
        own = blocks.diagonal(dim1=0, dim2=2).permute(2, 0, 1)  # [units, width, width]
        columns = weight.T.unflatten(0, (site.count, site.width))  # [units, width, out]
        lost = (columns * torch.linalg.solve(own, columns)).sum((1, 2))
        return {Unit(site.layer, site.kind, i): float(value) for i, value in enumerate(lost.tolist())}

    known = [site for site in sites(model) if (site.layer, site.kind) in moments.text]
    return {unit: paid for part in spread(known, priced) for unit, paid in part.items()}


@contextmanager
def patched(model: PreTrainedModel, patch: Patch) -> Iterator[None]:
    """Use the patch's weights inside the `with` block; the model's own come back exactly."""
    places = {site: patch[site.layer, site.kind] for site in sites(model) if (site.layer, site.kind) in patch}
    weights: dict[Weight, Tensor] = {
        (site.module, "weight"): oriented(site.module, weight) for site, weight in places.items()
    }
    with replaced(model, weights):
        yield


def repair_(model: PreTrainedModel, pruning: Pruning, patch: Patch) -> None:
    """Write the refitted or edited weights into the model, and remove the units, for good."""
    for site in sites(model):
        if (weight := patch.get((site.layer, site.kind))) is not None:
            _write(site, weight)
    zero_(model, pruning)  # last: an edit of all columns must not bring back those of what goes


def _write(site: Site, weight: Tensor) -> None:
    replace_(site.module, oriented(site.module, weight))


def _refit_site(site: Site, moments: Moments, removed: list[int], strength: Strength) -> Tensor:
    key = (site.layer, site.kind)
    weight = _to_solve(site)
    text = moments.text[key].to(weight)
    size = text.trace()

    def scaled(moment: Tensor, share: float) -> Tensor:
        moment = moment.to(weight)
        return share * moment * (size / moment.trace().clamp_min(1e-30))

    stay = text + strength.ridge * text.diagonal().mean() * torch.eye(len(text)).to(text)
    if key in moments.control:
        stay += scaled(moments.control[key], strength.keep)
    whole = stay + scaled(moments.bias[key], strength.guard) if key in moments.bias else stay
    kept = torch.ones(len(text), dtype=torch.bool)
    kept[site.columns(removed)] = False
    kept = kept.to(weight.device)
    healed = torch.zeros_like(weight)
    healed[:, kept] = torch.linalg.solve(whole[kept][:, kept], stay[kept] @ weight.T).T
    return healed.float().cpu()


def _to_solve(site: Site) -> Tensor:
    """Return a projection's weight, [out, in] float64, where it is solved for."""
    weight = site.weight.detach()
    return weight.to(solver(weight.device), torch.float64)


def solver(device: torch.device) -> torch.device:
    """Return where to solve for weights that live on a device: there on a GPU that has float64, else on the CPU."""
    return device if device.type == "cuda" else torch.device("cpu")


def _by_site(pruning: Pruning) -> dict[Key, list[int]]:
    removed: dict[Key, list[int]] = {}
    for unit in sorted(pruning):
        removed.setdefault((unit.layer, unit.kind), []).append(unit.index)
    return removed


Rows = Callable[[Tensor, Batch], Tensor]


@dataclass(frozen=True)
class _Asked:
    """Projections, and what is picked from their inputs."""

    sites: Sequence[Site]
    rows: Rows


def _all_tokens(inputs: Tensor, batch: Batch) -> Tensor:
    """Every token weighs the same: rows [tokens, in] whose outer products average to the second moment."""
    rows = inputs.reshape(-1, inputs.shape[-1])
    return rows / len(rows) ** 0.5 * len(batch.items) ** 0.5


def _differences(inputs: Tensor, batch: Batch) -> Tensor:
    """Return the weighted differences between a probe's two texts, aligned from the end, [positions, in]."""
    inputs = inputs.reshape(*batch.ids.shape, -1)
    first, second, weight = [], [], []
    for (a, b), shared in zip(batch.pairs.tolist(), batch.shared, strict=True):
        positions = max(shared, 1)
        for back in range(positions):
            first.append((a, int(batch.last[a]) - back))
            second.append((b, int(batch.last[b]) - back))
            weight.append(0.5 / positions + (0.5 if back == 0 else 0.0))
    row_a, at_a = torch.tensor(first).T
    row_b, at_b = torch.tensor(second).T
    scale = torch.tensor(weight, device=inputs.device, dtype=inputs.dtype).sqrt()[:, None]
    return (inputs[row_a, at_a] - inputs[row_b, at_b]) * scale


@torch.no_grad()
def _accumulate(
    model: PreTrainedModel, batches: Sequence[Batch], asked: _Asked, progress: Callable[[int], None] | None
) -> dict[Key, Tensor]:
    """Return the mean outer product of what is picked from each projection's input, over all items.

    Batches are dealt into shards, as many whatever the number of processes, and the shards' sums are added in order: so
    every number of processes rounds alike.
    """
    shards = [batches[place::SHARDS] for place in range(min(SHARDS, len(batches)))]
    items = sum(len(batch.items) for batch in batches)
    sums: dict[Key, Tensor] = {}
    here, at_once = state().process_index, state().num_processes
    for begin in range(0, len(shards), at_once):
        now = shards[begin : begin + at_once]  # a shard a process
        mine = _summed(model, now[here], asked, progress) if here < len(now) else {}
        for key in ((site.layer, site.kind) for site in asked.sites):  # one at a time: all shards of all would not fit
            for part in spread(range(len(now)), lambda _, key=key, mine=mine: mine[key]):  # type: ignore[misc]
                sums[key] = sums[key].add_(part) if key in sums else part
    return {key: total.div_(items) for key, total in sums.items()}  # in place: all of a large model once, not twice


def _summed(
    model: PreTrainedModel, batches: Sequence[Batch], asked: _Asked, progress: Callable[[int], None] | None
) -> dict[Key, Tensor]:
    """Return the sums of outer products over these batches, on the CPU."""
    sums: dict[Key, Tensor] = {}
    for batch in batches:
        with ExitStack() as hooks:
            for site in asked.sites:
                hook = _adder(sums, site, batch, asked.rows)
                hooks.callback(hook_before(site.module, hook).remove)
            model.base_model(batch.ids, use_cache=False)
        if progress:
            progress(batch.tokens)
    return {key: total.cpu() for key, total in sums.items()}


def _adder(sums: dict[Key, Tensor], site: Site, batch: Batch, rows: Rows) -> Callable[..., None]:
    def hook(module: torch.nn.Module, args: tuple[Tensor, ...]) -> None:
        picked = rows(args[0].float(), batch)
        key = (site.layer, site.kind)
        if key not in sums:
            sums[key] = torch.zeros(picked.shape[1], picked.shape[1], device=picked.device)
        sums[key].addmm_(picked.T, picked)

    return hook
