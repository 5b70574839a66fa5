"""Probes: minimal pairs of texts that differ only in a demographic term, from several sources, in four splits."""

from fairhub.probes.probe import CONTROL, Probe, Split, split_of, stratified, unit_hash
from fairhub.probes.shipped import AXES, CONTEXTS, templates, vignettes

__all__ = [
    "AXES", "CONTEXTS", "CONTROL", "Probe", "Split", "split_of", "stratified", "templates", "unit_hash", "vignettes",
]  # fmt: skip
