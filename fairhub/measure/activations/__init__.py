"""Activations of prompt pairs: captured in one forward, aligned token by token, and how far apart they lie."""

from fairhub.measure.activations.alignment import Alignment, Unequal, align, aligned
from fairhub.measure.activations.capture import COMPONENTS, Activations, Component, capture, components_of, watched
from fairhub.measure.activations.effect import gap_effects
from fairhub.measure.activations.gap import Gap, gap, gaps_by_layer, optipfair_gap

__all__ = [
    "COMPONENTS", "Activations", "Alignment", "Component", "Gap", "Unequal", "align", "aligned", "capture",
    "components_of", "gap", "gap_effects", "gaps_by_layer", "optipfair_gap", "watched",
]  # fmt: skip
