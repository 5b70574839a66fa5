"""Probes: text pairs that differ only in a demographic term, from several sources, in four splits."""

from fairhub.inputs.probes.own import read as read_probes
from fairhub.inputs.probes.own import refuse_alike
from fairhub.inputs.probes.probe import CONTROL, PROVED, Probe, Split, split_of, stratified, unit_hash
from fairhub.inputs.probes.public import crows_pairs, holistic_bias, pairs, provenance
from fairhub.inputs.probes.shipped import AXES, CONTEXTS, templates, vignettes

__all__ = [
    "AXES", "CONTEXTS", "CONTROL", "PROVED", "Probe", "Split", "crows_pairs", "holistic_bias", "pairs", "provenance",
    "read_probes", "refuse_alike", "split_of", "stratified", "templates", "unit_hash", "vignettes",
]  # fmt: skip
