"""Diagnosis of a model: where the two texts of a pair part, and which units carry it."""
