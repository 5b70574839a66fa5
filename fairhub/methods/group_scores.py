"""WANDA and SNIP: how much every weight, neuron and head matters for the texts about one group."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from fairhub.edit.masking import gated
from fairhub.errors import UserError
from fairhub.model.architecture import decoder_layers, sites
from fairhub.model.streaming.layers import streamed_of, weight_of
from fairhub.model.streaming.steps import hook_before
from fairhub.model.units import Kind, oriented

Key = tuple[int, Kind]


@dataclass(frozen=True, eq=False)
class Rows:
    """Texts about one group, each with the model's own answer appended; padded on the right."""

    ids: Tensor
    """[rows, length] token ids."""
    lengths: Tensor
    """[rows] real tokens."""
    asked: Tensor
    """[rows] tokens of the prompt: what follows is the answer."""

    def real(self) -> Tensor:
        """[rows, length] whether a token is no padding."""
        return torch.arange(self.ids.shape[1], device=self.ids.device) < self.lengths[:, None]

    def losses(self, logits: Tensor) -> Tensor:
        """Return the summed loss of each row's answer tokens, [rows]; the prompt's own tokens do not count."""
        loss = nn.functional.cross_entropy(logits[:, :-1].float().transpose(1, 2), self.ids[:, 1:], reduction="none")
        place = torch.arange(1, self.ids.shape[1], device=self.ids.device)
        return (loss * ((place >= self.asked[:, None]) & self.real()[:, 1:])).sum(1)


@torch.no_grad()
def wanda_units(model: PreTrainedModel, rows: Rows) -> dict[Key, Tensor]:
    """Return the WANDA score of every unit, [units] by layer and kind: the norm of its columns' weight scores.

    |W_ij| * ||X_j|| (Sun et al. 2024) summed in squares over what a unit owns; for a neuron that is the norm of its
    activations times the norm of its column, the structured form.
    """
    norms: dict[Key, Tensor] = {}
    with ExitStack() as hooks:
        for site in sites(model):
            hooks.enter_context(_squares(site.module, rows, norms, (site.layer, site.kind)))
        model.base_model(rows.ids, use_cache=False)
    found = {}
    for site in sites(model):
        columns = site.weight.float().square().sum(0) * norms[site.layer, site.kind]
        found[site.layer, site.kind] = columns.view(site.count, site.width).sum(1).sqrt().cpu()
    return found


def snip_units(model: PreTrainedModel, rows: Rows) -> dict[Key, Tensor]:
    """Return the SNIP score of every unit: mean over rows of |d loss of the answer / d gate|, [units].

    (Lee et al. 2019, on gates; absolute values by row, loss on the answer only, as Wei et al. 2024 have it.)
    """
    with gated(model, rows=len(rows.ids)) as gates:
        loss = rows.losses(model(rows.ids, use_cache=False).logits).sum()
        grads = torch.autograd.grad(loss, list(gates.values()))
    return {key: grad.float().abs().mean(0).cpu() for key, grad in zip(gates, grads, strict=True)}


@torch.no_grad()
def wanda_weights(model: PreTrainedModel, rows: Rows) -> dict[str, Tensor]:
    """Return |W_ij| * ||X_j||, [out, in], of every projection inside the decoder layers, by the module's name.

    The norm is over all real tokens, root mean square (as Ma et al. 2025 have it).
    """
    modules = projections(model)
    norms: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.enter_context(_squares(module, rows, norms, name))
        model.base_model(rows.ids, use_cache=False)
    return {
        name: (oriented(module, weight_of(module)).float().abs() * norms[name].sqrt()).cpu()
        for name, module in modules.items()
    }


def snip_weights(model: PreTrainedModel, rows: Rows) -> dict[str, Tensor]:
    """Return |W| * sum over rows of |d loss of the answer / dW|, [out, in], by the module's name.

    One backward a row, matrix by matrix in the sum, so that only one row's gradients are held.
    """
    if streamed_of(model) is not None:
        raise UserError("gradients of single weights need all layers in memory; not all are; give --memory more")
    modules = projections(model)
    sums = {
        name: torch.zeros_like(oriented(module, module.weight), dtype=torch.float32) for name, module in modules.items()
    }
    with _learning(modules):
        for row in range(len(rows.ids)):
            one = Rows(rows.ids[row : row + 1], rows.lengths[row : row + 1], rows.asked[row : row + 1])
            loss = one.losses(model(one.ids, use_cache=False).logits).sum()
            grads = torch.autograd.grad(loss, [module.weight for module in modules.values()])
            for (name, module), grad in zip(modules.items(), grads, strict=True):
                sums[name] += oriented(module, grad).float().abs()
    return {
        name: (oriented(module, module.weight).detach().float().abs() * sums[name]).cpu()
        for name, module in modules.items()
    }


def projections(model: PreTrainedModel) -> dict[str, nn.Linear | Conv1D]:
    """Return every projection inside the decoder layers by its name in the model."""
    inside = {id(part) for layer in decoder_layers(model) for part in layer.modules()}
    return {
        name: module for name, module in model.named_modules()
        if id(module) in inside and isinstance(module, nn.Linear | Conv1D)
    }  # fmt: skip


@contextmanager
def _learning(modules: dict[str, nn.Linear | Conv1D]) -> Iterator[None]:
    before = {name: module.weight.requires_grad for name, module in modules.items()}
    try:
        for module in modules.values():
            module.weight.requires_grad_(True)
        yield
    finally:
        for name, module in modules.items():
            module.weight.requires_grad_(before[name])


@contextmanager
def _squares(module: nn.Module, rows: Rows, into: dict, key: object) -> Iterator[None]:  # type: ignore[type-arg]
    """Store the mean square of each input of a module over the real tokens, [in], inside the `with` block."""
    real = rows.real().flatten()

    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        inputs = args[0].float().reshape(-1, args[0].shape[-1])
        into[key] = inputs[real.to(inputs.device)].square().mean(0)

    handle = hook_before(module, hook)
    try:
        yield
    finally:
        handle.remove()


def rows_of(texts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], device: torch.device) -> Rows:
    """Return prompts with their answers as one padded block of rows."""
    whole = [[*text, *answer] for text, answer in zip(texts, answers, strict=True)]
    width = max(map(len, whole))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in whole], device=device)
    lengths, asked = ([len(row) for row in part] for part in (whole, texts))
    return Rows(ids, torch.tensor(lengths, device=device), torch.tensor(asked, device=device))
