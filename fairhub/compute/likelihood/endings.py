"""Next-token distributions where texts end; what texts share at their beginning is computed once."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.compute.engine import finite, log_probabilities
from fairhub.compute.likelihood.past import Past
from fairhub.compute.likelihood.scoring import Walk, logits_at
from fairhub.compute.likelihood.tree import Branch, Ids, Node, below, forest, padded
from fairhub.model.facts import home
from fairhub.run.progress import Progress

Read = Callable[[Sequence[int], Tensor], None]
"""Takes the numbers of some sequences and the log-probabilities of the token after each, [sequences, vocabulary]."""


@torch.inference_mode()
def read_endings(
    model: PreTrainedModel, sequences: Sequence[Ids], read: Read, *, tokens: int = 2048,
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """Let `read` see the next-token distribution of every sequence once, some sequences at a time.

    Args:
        model: A causal language model; masked or patched if the caller wants it so.
        sequences: Token ids; equal ones are read together.
        read: Takes what it wants: a distribution is as large as the vocabulary, and not kept.
        tokens: About how many tokens a forward may have, padding included.
        progress: Told how many tokens were computed.

    Raises:
        UserError: Logits are not finite.
    """
    beyond = [len(ids) + 1 for ids in sequences]  # no token of a sequence is asked itself
    walk = _Endings(model, beyond, tokens, read)
    if progress is not None:
        walk.progress = progress
    walk.level([Branch(tree, 0, ()) for tree in forest(sequences, beyond)], Past())


def shared_tokens(sequences: Sequence[Ids]) -> int:
    """Return how many tokens `read_endings` computes, padding aside."""
    return sum(tree.tokens for tree in forest(sequences, [len(ids) + 1 for ids in sequences]))


class _Endings(Walk):
    """A walk that reads distributions where sequences end."""

    def __init__(self, model: PreTrainedModel, starts: Sequence[int], tokens: int, read: Read) -> None:
        super().__init__(model, starts, tokens)
        self._read = read

    def _places(self, node: Node) -> int:
        return int(bool(node.ends))

    def _forward(self, batch: Sequence[Branch], past: Past) -> list[Branch]:
        places = [(row, len(branch.node.ids) - 1) for row, branch in enumerate(batch) if branch.node.ends]
        given = torch.tensor(padded(batch), device=home(self.model))
        with logits_at(self.model, places or [(0, 0)]):
            logits = self.model(given, **past.arguments(given)).logits[:, 0]
        if places:
            self._hand_out([batch[row].node for row, _ in places], log_probabilities(finite(logits)))
        self.progress(sum(len(branch.node.ids) for branch in batch))
        return below(batch)

    def _hand_out(self, nodes: Sequence[Node], log_p: Tensor) -> None:
        rows = torch.tensor([row for row, node in enumerate(nodes) for _ in node.ends], device=log_p.device)
        self._read([number for node in nodes for number in node.ends], log_p[rows])
