"""Measures the base model, the repair and what it is compared with, on the splits of the proof."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fairhub import methods, proof
from fairhub.data import Data, prompts
from fairhub.engine import Batch, probe_batches, text_batches
from fairhub.loading import Loaded
from fairhub.measure import Repair, Utility, applied, continuations, divergences, home, utility
from fairhub.probes import Probe
from fairhub.progress import progress_bar


class Prover:
    """Measures base and repaired models on the proof splits: once, for the report."""

    def __init__(self, loaded: Loaded, data: Data) -> None:
        """Take the model and what to measure it on; nothing is measured yet."""
        self.loaded, self.data = loaded, data
        self.batched = batcher(loaded)
        self.text = text_batches(data.text["held_out"], rows=4, device=home(loaded.model))

    def bias(self, probes: Sequence[Probe], repairs: Sequence[Repair]) -> list[proof.Bias]:
        """Return before (and after, for each repair) on these probes."""
        batches = self.batched(probes)
        tokens = sum(b.tokens for b in batches) * (1 + len(repairs))
        bar = progress_bar(f"measuring {probes[0].split}", tokens)
        values = divergences(self.loaded.model, batches, [Repair(), *repairs], bar)
        if not repairs:
            return [proof.Bias(probes, values[0], None)]
        return [proof.Bias(probes, values[0], after) for after in values[1:]]

    def utility(self, repairs: Sequence[Repair], chunks: int | None = None) -> Utility:
        """Return loss and KL of base and repairs on held-out text."""
        batches = self.text if chunks is None else self.text[: -(-chunks // 4)]
        tokens = sum(b.tokens for b in batches) * (1 + len(repairs))
        return utility(self.loaded.model, batches, repairs, progress_bar("measuring text", tokens))

    def everything(self, outcome: methods.Outcome) -> dict[str, Any]:
        """Measure the chosen repair on every split, and what it is compared with on part of held_out."""
        found: dict[str, Any] = {}
        for number, probes in enumerate([*self.data.near, *self.data.proof]):
            bias = self.bias(probes, [outcome.repair])[0]
            found[f"bias{number}"] = np.stack([bias.before, np.asarray(bias.after)])
        cost = self.utility([outcome.repair])
        found |= {"loss": cost.loss, "kl": cost.kl}
        others = list(outcome.ablations.values())
        if others:
            values = self.bias(self.data.control_proof, [outcome.repair, *others])
            found["others"] = np.stack([values[0].before, *(np.asarray(b.after) for b in values)])
            cost = self.utility([outcome.repair, *others], self.data.sizes.control_chunks)
            found |= {"others_loss": cost.loss, "others_kl": cost.kl}
        asked = prompts(self.data)
        found["text_before"] = np.array(continuations(self.loaded.model, self.loaded.tokenizer, asked))
        with applied(self.loaded.model, outcome.repair):
            found["text_after"] = np.array(continuations(self.loaded.model, self.loaded.tokenizer, asked))
        return found


def batcher(loaded: Loaded) -> Callable[..., list[Batch]]:
    """Return a function that makes batches of probes for this model, refusing what its context window cannot hold."""
    limit = getattr(loaded.model.config.get_text_config(), "max_position_embeddings", None)

    def batched(probes: Sequence[Probe], tokens: int = 3072) -> list[Batch]:
        return probe_batches(loaded.tokenizer, probes, tokens=tokens, limit=limit, device=home(loaded.model))

    return batched
