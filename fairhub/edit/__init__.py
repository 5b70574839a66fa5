"""Edits of a model's weights: units masked, zeroed or cut out, and the columns that stay refitted."""
