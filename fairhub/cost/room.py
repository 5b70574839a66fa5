"""Room: what a run will need, said before anything is loaded; what cannot fit is refused, with what would."""

import torch

from fairhub.cost.hardware import CARDS
from fairhub.cost.memory import Need, free, host_free, needed, weights_of, widths_of
from fairhub.errors import UserError
from fairhub.inputs.sizes import Sizes
from fairhub.methods import METHODS
from fairhub.model.loading import config_of, located


def room(name: str | None, device: str, dtype: torch.dtype | None, method: str, sizes: Sizes) -> str | None:
    """Return a line on the memory that a run needs and finds; None where the checkpoint's headers cannot be had.

    Args:
        name: As for `loading.load`.
        device: Where it computes.
        dtype: Of the weights; None is what `loading.load` makes of it.
        method: A name of `METHODS`, or another word for a run that only measures.
        sizes: Of the data.

    Raises:
        UserError: It cannot fit; the line says what would. Or there is no model that can be loaded.
    """
    source, revision, shown = located(name)
    config = config_of(source, revision, shown)  # first: it refuses what must not be read
    found = weights_of(source, revision)
    if found is None:
        return None
    kind = torch.float32 if dtype is None and device == "cpu" else dtype
    size = kind.itemsize if kind else max(1, round(found.bytes / max(found.parameters, 1)))
    heavy = method in METHODS and METHODS[method].heavy
    need = needed(found.as_dtype(kind), widths_of(config), size, sizes, heavy=heavy)
    here, beside = free(device), host_free()
    asked = need.device + need.host if device == "cpu" else need.device
    if asked > here or (device != "cpu" and need.host > beside):
        raise UserError(_refusal(shown, device, need, here, beside, size))
    return (
        f"{shown} should need about {_gb(need.device)} on {device}, where {_gb(here)} are free, and "
        f"{_gb(need.host)} of the machine's memory ({_gb(beside)} free)"
    )


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
