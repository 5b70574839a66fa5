"""Several repairs of one model side by side: by which method, how much fairer, at what price, and how sure."""

from fairhub.comparison.document import markdown, text, to_json
from fairhub.comparison.entries import Comparison, Entry, compare
from fairhub.comparison.running import run_methods

__all__ = ["Comparison", "Entry", "compare", "markdown", "run_methods", "text", "to_json"]
