"""Items of what a repair must leave as it was: merit, incidental traits, meaning, recall, last words."""

from fairhub.inputs.keep.items import FAMILIES, TRAITS, Choice, choices, recalled, trait_cells
from fairhub.inputs.keep.last_words import Passage, passages

__all__ = ["FAMILIES", "TRAITS", "Choice", "Passage", "choices", "passages", "recalled", "trait_cells"]
