"""Next-token distributions where texts end; what texts share at their beginning is computed once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.compute.engine import finite, log_probabilities, logits_at
from fairhub.compute.likelihood.scoring import Walk
from fairhub.compute.trees.packing import Rows, packed_tokens
from fairhub.compute.trees.past import Past
from fairhub.compute.trees.tree import Branch, Ids, Node, below, beyond, forest, padded
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
    walk = _Endings(model, beyond(sequences), tokens, read)
    if progress is not None:
        walk.progress = progress
    walk.over(sequences)


def shared_tokens(sequences: Sequence[Ids]) -> int:
    """Return how many tokens `read_endings` computes of a model whose rows are packed, padding aside."""
    return packed_tokens(forest(sequences, least=1))


class _Endings(Walk):
    """A walk that reads distributions where sequences end."""

    def __init__(self, model: PreTrainedModel, starts: Sequence[int], tokens: int, read: Read) -> None:
        super().__init__(model, starts, tokens)
        self._read = read

    def places(self, node: Node) -> int:
        return int(bool(node.ends))

    def rows(self, rows: Rows) -> None:
        ends = [run for run in rows.runs if run.node.ends]
        self._compute([run.node for run in ends], [run.last for run in ends], rows.arguments(self.model))

    def batch(self, batch: Sequence[Branch], past: Past) -> list[Branch]:
        ends = [(row, branch.node) for row, branch in enumerate(batch) if branch.node.ends]
        given = torch.tensor(padded(batch), device=home(self.model))
        at = [(row, len(node.ids) - 1) for row, node in ends]
        self._compute([node for _, node in ends], at, {"input_ids": given, **past.arguments(given)})
        return below(batch)

    def _compute(self, nodes: Sequence[Node], at: Sequence[tuple[int, int]], given: Mapping[str, Any]) -> None:
        """Compute one forward, and hand out what is read at these (row, place)."""
        with logits_at(self.model, at or [(0, 0)]):
            logits = self.model(**given).logits[:, 0]
        if nodes:
            log_p = log_probabilities(finite(logits))
            rows = torch.tensor([row for row, node in enumerate(nodes) for _ in node.ends], device=log_p.device)
            self._read([number for node in nodes for number in node.ends], log_p[rows])
