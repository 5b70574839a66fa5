"""Name prompts: the same question about people of many names, numeric answers, and the gap between groups of names."""

from fairhub.measure.names.prompts import LEVELS, NamePrompt, public, scenarios, shipped

__all__ = ["LEVELS", "NamePrompt", "public", "scenarios", "shipped"]
