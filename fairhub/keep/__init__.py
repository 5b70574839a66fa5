"""What a repair must leave as it was: merit, incidental traits, meaning, recall, last words."""

from fairhub.keep.figures import keep_figures
from fairhub.keep.items import FAMILIES, TRAITS, Choice, choices, trait_cells
from fairhub.keep.last_words import Passage, passages
from fairhub.keep.limits import LIMITS, limits_of
from fairhub.keep.reading import Kept, first_token, read, usable

__all__ = [
    "FAMILIES", "LIMITS", "TRAITS", "Choice", "Kept", "Passage", "choices", "first_token", "keep_figures", "limits_of",
    "passages", "read", "trait_cells", "usable",
]  # fmt: skip
