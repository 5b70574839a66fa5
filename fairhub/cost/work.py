"""The work of a stage: how many tokens and forwards it takes, and what it computes beside the model."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairhub.compute.tally import FORWARD
from fairhub.inputs.batches import Batch


@dataclass(frozen=True)
class Work:
    """What one stage computes."""

    stage: str
    tokens: float = 0.0
    """Through all layers, forwards only."""
    backward: float = 0.0
    """Tokens whose gradients run back through all layers; each costs a forward more, as weights have none."""
    logits: float = 0.0
    """Tokens that get a probability for every word of the vocabulary."""
    calls: float = 0.0
    """Forwards of the model, whatever their size."""
    products: float = 0.0
    """Floating-point operations beside the model, in its own type: outer products of activations."""
    solves: float = 0.0
    """Floating-point operations in float64: what healing solves."""
    least: int = 1
    """Forwards that must follow one another: each token of a continuation waits for the one before."""
    bounded: bool = False
    """Whether it is part of what a plan's `seconds` bounds."""

    @property
    def forwards(self) -> float:
        """Forward-equivalents, as a run's tally counts them."""
        return (self.tokens + self.backward) / FORWARD

    @property
    def passes(self) -> float:
        """Tokens through all layers, a backward counted as one more."""
        return self.tokens + self.backward


def tokens_of(batches: Sequence[Batch]) -> int:
    """Return how many tokens a forward of these batches computes."""
    return sum(batch.tokens for batch in batches)


def on_probes(stage: str, batches: Sequence[Batch], times: float = 1.0) -> Work:
    """Return the work of forwards over probes: logits where texts end only, so none to speak of."""
    return Work(stage, tokens_of(batches) * times, calls=len(batches) * times)


def on_text(stage: str, batches: Sequence[Batch], times: float = 1.0) -> Work:
    """Return the work of forwards over text: every token is judged."""
    tokens = tokens_of(batches) * times
    return Work(stage, tokens, logits=tokens, calls=len(batches) * times)
