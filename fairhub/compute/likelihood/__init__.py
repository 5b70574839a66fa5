"""Likelihood of options: how probable a model finds continuations of a prompt; what texts share is computed once."""

from fairhub.compute.likelihood.endings import read_endings, shared_tokens
from fairhub.compute.likelihood.questions import Answers, Encoded, Question, encoded
from fairhub.compute.likelihood.scoring import likelihoods, sequence_likelihoods
from fairhub.compute.trees.tree import Node, forest

__all__ = [
    "Answers", "Encoded", "Node", "Question", "encoded", "forest", "likelihoods",
    "read_endings", "sequence_likelihoods", "shared_tokens",
]  # fmt: skip
