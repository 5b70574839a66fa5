"""Likelihood of options: how probable a model finds continuations of a prompt; what texts share is computed once."""

from fairhub.likelihood.questions import Answers, Encoded, Question, encoded
from fairhub.likelihood.scoring import likelihoods, sequence_likelihoods
from fairhub.likelihood.tree import Node, forest

__all__ = [
    "Answers", "Encoded", "Node", "Question", "encoded", "forest", "likelihoods",
    "sequence_likelihoods",
]  # fmt: skip
