"""Several repairs of one model side by side: by which method, how much fairer, at what price, and how sure."""

from fairhub.studies.compare.document import markdown, text, to_json
from fairhub.studies.compare.entries import Comparison, Entry, compare
from fairhub.studies.compare.running import run_methods

__all__ = ["Comparison", "Entry", "compare", "markdown", "run_methods", "text", "to_json"]
