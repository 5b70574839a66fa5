"""What a repair must leave as it was: read off a model, as figures with limits."""

from fairhub.measure.keep.figures import keep_figures
from fairhub.measure.keep.limits import LIMITS, limits_of
from fairhub.measure.keep.reading import Kept, first_token, read, tokens, usable

__all__ = ["LIMITS", "Kept", "first_token", "keep_figures", "limits_of", "read", "tokens", "usable"]
