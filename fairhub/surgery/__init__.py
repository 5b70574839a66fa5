"""Where heads and neurons live in a model, and how they are removed: for a while, or for good."""

from .architecture import decoder_layers, sites, units
from .attention import head_norms
from .editing import parameters_gone, shrink_, zero_
from .masking import gated, masked
from .units import KINDS, Kind, Pruning, Site, Unit

__all__ = [
    "KINDS",
    "Kind",
    "Pruning",
    "Site",
    "Unit",
    "decoder_layers",
    "gated",
    "head_norms",
    "masked",
    "parameters_gone",
    "shrink_",
    "sites",
    "units",
    "zero_",
]
