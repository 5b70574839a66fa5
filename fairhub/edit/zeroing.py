"""What papers zero besides whole units, for a while: single weights, and the query rows of heads."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from fairhub.errors import UserError
from fairhub.model.architecture import decoder_layers, layout_of, located, sites
from fairhub.model.streaming.layers import Weight, replaced, weight_of
from fairhub.model.units import Pruning, oriented


@contextmanager
def weights_zeroed(model: PreTrainedModel, masks: Mapping[str, Tensor]) -> Iterator[None]:
    """Set single weights to zero inside the `with` block; the model's own come back exactly.

    Args:
        model: A causal language model.
        masks: [out, in] which weights of a projection go, by the module's name.
    """
    weights: dict[Weight, Tensor] = {}
    for name, mask in masks.items():
        module = model.get_submodule(name)
        assert isinstance(module, nn.Linear | Conv1D), f"{name} is no projection"
        weight = weight_of(module).detach()
        weights[module, "weight"] = weight.masked_fill(oriented(module, mask.to(weight.device)), 0)
    with replaced(model, weights):
        yield


@contextmanager
def queries_zeroed(model: PreTrainedModel, heads: Pruning) -> Iterator[None]:
    """Set the query rows of heads to zero inside the `with` block, as Ma et al. 2025 prune them in their code.

    A query of zeros attends to all it sees alike: such a head is not removed, it becomes the mean of what stands
    before. `masked` is the other semantics: the head's output is gone.

    Raises:
        UserError: Queries have no matrix of their own in this architecture.
    """
    paths = layout_of(model).qkv
    if len(paths) != 3:
        raise UserError(
            f"query rows are zeroed where queries have a matrix of their own; {model.config.model_type} has "
            "not; remove the heads' output instead"
        )
    touched = located(sites(model), heads)
    weights: dict[Weight, Tensor] = {}
    for site, indices in touched.items():
        module = decoder_layers(model)[site.layer].get_submodule(paths[0])
        for name, _ in module.named_parameters(recurse=False):
            weights[module, name] = part = weight_of(module, name).detach().clone()
            part[site.columns(indices)] = 0
    with replaced(model, weights):
        yield
