"""Room: what a run will need, said before anything is loaded; what cannot fit is refused, with what would."""

import torch
from transformers import PreTrainedModel

from fairhub.cost.hardware import CARDS
from fairhub.cost.memory import CACHE, Need, forward_bytes, free, host_free, needed, weights_of, widths_of
from fairhub.errors import UserError
from fairhub.inputs.sizes import Sizes
from fairhub.methods import METHODS
from fairhub.model.architecture import decoder_layers
from fairhub.model.loading import config_of, located
from fairhub.model.loading.weights import laid_out
from fairhub.model.streaming.placing import Residence
from fairhub.model.streaming.steps import waiting

_SHARE = 0.85
"""Of what is free: the rest is a margin."""


class _TooLarge(UserError):
    """A model does not fit in memory as a whole."""

    def __init__(self, said: str, left: int) -> None:
        """Take the line, and the bytes that are left to weights and forwards beside what must be held anyway."""
        super().__init__(said)
        self.left = left


def room(name: str | None, device: str, dtype: torch.dtype | None, method: str, sizes: Sizes) -> str | None:
    """Return a line on the memory that a run needs and finds; None where the checkpoint's headers cannot be had.

    Arguments are those of `decided`.

    Raises:
        UserError: It cannot fit; the line says what would. Or there is no model that can be loaded.
    """
    source, revision, shown = located(name)
    config = config_of(source, revision, shown)  # first: it refuses what must not be read
    found = weights_of(source, revision)
    if found is None:
        return None
    kind = _computed_in(device, dtype)
    size = kind.itemsize if kind else max(1, round(found.bytes / max(found.parameters, 1)))
    known = METHODS.get(method)
    heavy, erases = (known.heavy, known.erases) if known else (False, False)
    need = needed(found.as_dtype(kind), widths_of(config), size, sizes, heavy=heavy, erases=erases)
    here, beside = free(device), host_free()
    asked = need.device + need.host if device == "cpu" else need.device
    if asked > here or (device != "cpu" and need.host > beside):
        left = here - need.host if device == "cpu" else here if need.host <= beside else 0
        raise _TooLarge(_refusal(shown, device, need, here, beside, size), left)
    return (
        f"{shown} should need about {_gb(need.device)} on {device}, where {_gb(here)} are free, and "
        f"{_gb(need.host)} of the machine's memory ({_gb(beside)} free)"
    )


def decided(
    name: str | None, device: str, dtype: torch.dtype | None, method: str, sizes: Sizes, memory: int | None
) -> tuple[Residence | None, str | None]:
    """Return how many layers stay in memory, None: all, and a line that says so.

    Without a budget all stay where they fit; where they do not, what is free is the budget.

    Args:
        name: As for `loading.load`.
        device: Where it computes.
        dtype: Of the weights; None is what `loading.load` makes of it.
        method: A name of `METHODS`, or another word for a run that only measures.
        sizes: Of the data.
        memory: Bytes that weights and forwards may take; None: no budget.

    Raises:
        UserError: It cannot fit, or there is no model that can be loaded.
    """
    if memory is not None:
        return residence(name, device, dtype, memory)
    try:
        return None, room(name, device, dtype, method, sizes)
    except _TooLarge as refused:
        if device == "auto":
            raise
        try:
            return residence(name, device, dtype, int(_SHARE * refused.left), short=True)
        except UserError:
            raise refused from None


def residence(
    name: str | None, device: str, dtype: torch.dtype | None, memory: int, *, short: bool = False
) -> tuple[Residence | None, str]:
    """Return how many layers stay in memory where not all fit into a budget, and a line that says so; None: all fit.

    Arguments are those of `decided`; `short` is whether memory is known to be short even where all layers may stay.

    Raises:
        UserError: Two layers and a forward need more.
    """
    source, revision, shown = located(name)
    shape = laid_out(config_of(source, revision, shown))
    kind = _computed_in(device, dtype) or shape.dtype
    layers = layer_bytes(shape, kind)
    found = divided(shape, kind, shown, memory, short=short)
    if found is None:
        return None, f"all {len(layers)} layers of {shown} stay within {_gb(memory)}"
    return found, (
        f"{found.stay} of {len(layers)} layers of {shown} stay; {len(layers) - found.stay} are read from their files "
        f"whenever forwards come to them ({_gb(sum(layers[found.stay :]))} each time)"
    )


def layer_bytes(shape: PreTrainedModel, kind: torch.dtype) -> list[int]:
    """Return the bytes of each decoder layer of a model, which may be without weights, in this type."""
    return [sum(part.numel() for part in layer.parameters()) * kind.itemsize for layer in decoder_layers(shape)]


def divided(
    shape: PreTrainedModel, kind: torch.dtype, shown: str, memory: int, *, short: bool = False
) -> Residence | None:
    """Return how a budget is divided between layers that stay and forwards that wait; None where all layers stay.

    Args:
        shape: The model, without weights.
        kind: What it is computed in.
        shown: What it is called.
        memory: The budget, bytes.
        short: Memory is known to be short even where all layers may stay.

    Raises:
        UserError: Two layers and a forward need more.
    """
    sizes = layer_bytes(shape, kind)
    rest = sum(part.numel() for part in shape.parameters()) * kind.itemsize - sum(sizes)
    forward = forward_bytes(widths_of(shape.config), kind.itemsize)
    least = rest + 2 * max(sizes) + forward
    if not short and rest + sum(sizes) + forward + min(CACHE, len(sizes) * waiting(shape)) <= memory:
        return None
    if least > memory:
        raise UserError(
            f"a budget holds what is no layer, two layers and a forward; those of {shown} take {_mb(least)}, "
            f"--memory says {_mb(memory)}; give that much"
        )
    left = memory - least
    stay = min(len(sizes), int(left / 2 // max(sizes)))
    return Residence(stay, left - stay * max(sizes))


def _computed_in(device: str, dtype: torch.dtype | None) -> torch.dtype | None:
    """Return the type that `loading.load` computes in; None: the checkpoint's own."""
    return torch.float32 if dtype is None and device == "cpu" else dtype


def _refusal(shown: str, device: str, need: Need, here: int, beside: int, size: int) -> str:
    smaller = " --dtype bfloat16 halves the weights;" if size > 2 else ""
    more = " --device auto shares the layers among this machine's GPUs;" if device.startswith("cuda") else ""
    cards = [card.name for card in CARDS if need.device <= 0.9 * card.memory and need.host <= 0.9 * card.host]
    lighter = " heads only, as --method fasp chooses them, need no moments;" if need.host > need.weights else ""
    would = f"--on-jobs {cards[0]} has room" if cards else "no single card of the Hub has room"
    return (
        f"a run must fit in memory; {shown} needs about {_gb(need.device)} on {device} ({_gb(here)} free) and "
        f"{_gb(need.host)} beside it ({_gb(beside)} free);{smaller}{more}{lighter} {would}"
    )


def _gb(count: int) -> str:
    return f"{count / 2**30:.1f} GB"


def _mb(count: int) -> str:
    return f"{-(-count // 2**20):,} MB"
