"""The published tensors, held against the recipe's hashes and, number by number, against those made again here."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.edit.healing import Patch
from fairhub.errors import UserError, plain
from fairhub.files.reading import one_line
from fairhub.model.architecture import sites
from fairhub.model.facts import tensor_hash
from fairhub.model.streaming.layers import streamed_of
from fairhub.publish.reproduction.checks import Check, Verdict, check, worst


def solved(model: PreTrainedModel, patch: Patch) -> frozenset[str]:
    """Return the names of the tensors that were solved for: all others are equal on every machine."""
    modules = {id(module): name for name, module in model.named_modules()}
    return frozenset(f"{modules[id(site.module)]}.weight" for site in sites(model) if (site.layer, site.kind) in patch)


def hashed(files: Sequence[Path], recorded: Mapping[str, str]) -> Check:
    """Compare the published tensors with the hashes of the recipe.

    Raises:
        UserError: A file cannot be read.
    """
    found = {name: tensor_hash(tensor) for name, tensor in tensors(files)}
    # tensors that are tied are saved once: the missing name must have the bytes of a saved one
    saved = set(found.values())
    wrong = [name for name in found if found[name] != recorded.get(name)]
    wrong += [name for name, sha in recorded.items() if name not in found and sha not in saved]
    said = f"{len(found) - len(wrong)} with their hash"
    return check("published weights", f"{len(found)} tensors", said, "different" if wrong else "same")


def compared(files: Sequence[Path], model: PreTrainedModel, names: Collection[str], most: float) -> Check:
    """Compare the published tensors with those of the model made again here: names, shapes, types and numbers.

    Args:
        files: The published weights.
        model: Made again here.
        names: Of the tensors that were solved for.
        most: How far such a one may lie away, by its norm; all others are equal bit for bit.

    Raises:
        UserError: A file cannot be read, or has a tensor that another has too.
    """
    made, streamed = model.state_dict(), streamed_of(model)
    verdicts: dict[str, Verdict] = {}
    for name, tensor in tensors(files):
        if name in verdicts:
            raise UserError(f"a tensor is published once; {plain(name)} is in two files; ask its maker")
        here = made.get(name)
        if here is not None and streamed is not None and here.device.type == "meta":
            here = streamed.tensor(name).to(here.dtype)
        verdicts[name] = "different" if here is None else _verdict(tensor, here.cpu(), most if name in names else 0.0)
    saved = {_memory(name, made[name]) for name in verdicts.keys() & made.keys()}
    missing = [name for name in made if name not in verdicts and _memory(name, made[name]) not in saved]
    wrong = sorted(name for name, verdict in verdicts.items() if verdict == "different") + missing
    alike = sum(verdict == "same" for verdict in verdicts.values())
    said = f"{len(wrong)} others ({wrong[0]})" if wrong else f"{alike} equal"
    verdict: Verdict = "different" if wrong else worst(verdicts.values())
    return check("published tensors", f"{len(verdicts)} tensors", said, verdict)


def _memory(name: str, tensor: Tensor) -> object:
    """Return what tensors that are tied have in common; what rests in a file is itself."""
    return name if tensor.device.type == "meta" else tensor.data_ptr()


def tensors(files: Sequence[Path]) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of some safetensors files, one after the other.

    Raises:
        UserError: A file is not whole.
    """
    for file in files:
        with one_line(partial(_broken, file)), safe_open(file, framework="pt") as stored:
            for name in list(stored.keys()):
                yield name, stored.get_tensor(name)


def _broken(file: Path, said: str) -> str:
    return f"a download must be whole; {plain(file)} is no safetensors file ({said}); download it again"


def _verdict(published: Tensor, made: Tensor, most: float) -> Verdict:
    if published.shape != made.shape or published.dtype != made.dtype:
        return "different"
    if torch.equal(published, made):
        return "same"
    away = torch.linalg.vector_norm(published.double() - made.double())
    return "within tolerance" if bool(away <= most * torch.linalg.vector_norm(made.double())) else "different"
