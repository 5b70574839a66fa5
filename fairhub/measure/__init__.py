"""Measurements of a model: divergence, utility, judgements, what must stay, activations, names, benchmarks."""
