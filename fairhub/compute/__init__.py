"""Forwards over a model: the pruning engine, likelihoods, generation, and a count of what was computed."""
