"""The processes that Accelerate knows of: one on a laptop, several under torchrun or accelerate launch."""

import torch
from accelerate import PartialState


def state() -> PartialState:
    """Return Accelerate's view of this process; without a GPU its processes talk through gloo."""
    return PartialState(cpu=not torch.cuda.is_available())
