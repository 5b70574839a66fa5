"""Reads what must stay off a model: preference for the right word, and the probability of last words."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from fairhub.engine import Batch
from fairhub.judgement.reading import last_log_p
from fairhub.judgements import text_batches_of
from fairhub.keep.items import Choice
from fairhub.keep.last_words import Passage
from fairhub.loading import Loaded
from fairhub.measure import Progress, Repair, applied, context_window, home
from fairhub.processes import spread


@dataclass(frozen=True)
class Kept:
    """Choices and passages that can be asked of a tokenizer: right and wrong begin with other tokens."""

    choices: tuple[Choice, ...] = ()
    passages: tuple[Passage, ...] = ()
    skipped: int = field(default=0)
    """How many choices were left out, as right and wrong begin alike."""

    @property
    def texts(self) -> list[str]:
        """What is read."""
        return [choice.text for choice in self.choices] + [passage.text for passage in self.passages]


def usable(loaded: Loaded, choices: Sequence[Choice], passages: Sequence[Passage]) -> Kept:
    """Return the items whose right and wrong word differ in their first token, and how many were left out."""
    kept = [c for c in choices if _first(loaded, c.right) != _first(loaded, c.wrong)]
    return Kept(tuple(kept), tuple(passages), len(choices) - len(kept))


def read(loaded: Loaded, kept: Kept, repairs: Sequence[Repair], progress: Progress | None = None) -> np.ndarray:
    """Return [repairs, 2, items]: of choices log p(right) - log p(wrong), and 1 where that is above 0, else 0.

    Of passages p(last word), and 1 where it is the most probable token. A word of several tokens is known by its first.

    Raises:
        UserError: A text does not fit the model's window, or logits are not finite.
    """
    if not kept.texts:
        return np.zeros((len(repairs), 2, 0))
    right = torch.tensor([_first(loaded, word) for word in (*(c.right for c in kept.choices),
                                                           *(p.word for p in kept.passages))])  # fmt: skip
    wrong = torch.tensor([_first(loaded, c.wrong) for c in kept.choices] + [-1] * len(kept.passages))
    limit, device = context_window(loaded.model), home(loaded.model)
    batches = text_batches_of(loaded.tokenizer, kept.texts, limit=limit, device=device)

    def of_batch(batch: Batch) -> np.ndarray:
        found = [_values(loaded, batch, repair, right, wrong) for repair in repairs]
        if progress:
            progress(batch.tokens * len(repairs))
        return np.stack(found)

    values = np.empty((len(repairs), 2, len(kept.texts)))
    for batch, part in zip(batches, spread(batches, of_batch), strict=True):
        values[:, :, list(batch.items)] = part
    return values


@torch.inference_mode()
def _values(loaded: Loaded, batch: Batch, repair: Repair, right: torch.Tensor, wrong: torch.Tensor) -> np.ndarray:
    with applied(loaded.model, repair):
        ((_, rows),) = list(last_log_p(loaded, [batch]))
    log_p = rows[batch.pairs[:, 0].to(rows.device)].double().cpu()
    mine, rival = right[list(batch.items)], wrong[list(batch.items)]
    is_choice = rival >= 0
    of_right = log_p.gather(1, mine[:, None])[:, 0]
    margin = of_right - log_p.gather(1, rival.clamp_min(0)[:, None])[:, 0]
    value = torch.where(is_choice, margin, of_right.exp())
    hit = torch.where(is_choice, margin > 0, log_p.argmax(1) == mine)
    return torch.stack([value, hit.double()]).numpy()


def _first(loaded: Loaded, word: str) -> int:
    return int(loaded.tokenizer(f" {word}", add_special_tokens=False).input_ids[0])
