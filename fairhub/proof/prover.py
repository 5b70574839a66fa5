"""Measures the base model, the repair and what it is compared with, on the splits of the proof."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from fairhub import methods
from fairhub.compute.greedy import continuations
from fairhub.edit.repair import Repair, applied
from fairhub.inputs.batches import Batch, batches_for, text_batches
from fairhub.inputs.data import Beside, Data, prompts
from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.inputs.probes import Probe
from fairhub.measure import keep
from fairhub.measure.divergence import divergences
from fairhub.measure.judgement import reading
from fairhub.measure.judgement.reading import Reading
from fairhub.measure.utility import Utility, utility
from fairhub.methods.controls import by_choice
from fairhub.model.facts import home, tensor_bytes
from fairhub.model.loading import Loaded
from fairhub.proof.assembly import VERSION, versions
from fairhub.run.folder import digest
from fairhub.run.memory import Memory
from fairhub.run.processes import agreed
from fairhub.run.progress import progress_bar


class Prover:
    """Measures base and repaired models on the proof splits: once, for the report."""

    def __init__(self, loaded: Loaded, data: Data) -> None:
        """Take the model and what to measure it on; nothing is measured yet."""
        self.loaded, self.data = loaded, data
        self.batched = batcher(loaded)
        self.text = text_batches(data.text["held_out"], rows=4, device=home(loaded.model))

    def divergences(self, probes: Sequence[Probe], repairs: Sequence[Repair]) -> np.ndarray:
        """Return the divergence of these probes under every repair, [repairs, probes], nats."""
        batches = self.batched(probes)
        bar = progress_bar(f"measuring {probes[0].split}", sum(b.tokens for b in batches) * len(repairs))
        return divergences(self.loaded.model, batches, repairs, bar)

    def utility(self, repairs: Sequence[Repair], chunks: int | None = None) -> Utility:
        """Return loss and KL of base and repairs on held-out text."""
        batches = self.text if chunks is None else self.text[: -(-chunks // 4)]
        tokens = sum(b.tokens for b in batches) * (1 + len(repairs))
        return utility(self.loaded.model, batches, repairs, progress_bar("measuring text", tokens))

    def judgements(self, cells: Sequence[Cell], repairs: Sequence[Repair]) -> list[Reading]:
        """Return what base and repairs say after these cells of one split, by the judgement words of that split."""
        words = lexicon(self.loaded.tokenizer, cells[0].split)
        total = reading.tokens(self.loaded, cells) * (1 + len(repairs))
        bar = progress_bar(f"judgements {cells[0].split}", total)
        return reading.read(self.loaded, cells, words, [Repair(), *repairs], bar)

    def kept(self) -> keep.Kept:
        """Return the held-out choices and passages that this tokenizer can be asked."""
        return keep.usable(self.loaded, self.data.choices, self.data.passages)

    def keeps(self, repairs: Sequence[Repair]) -> np.ndarray:
        """Return what base and repairs make of choices and passages, [1 + repairs, 2, items]."""
        kept = self.kept()
        tokens = sum(len(text) for text in kept.texts) // 4 * (1 + len(repairs))  # about four letters a token
        return keep.read(self.loaded, kept, [Repair(), *repairs], progress_bar("meaning, recall", tokens))

    def everything(self, outcome: methods.Outcome) -> dict[str, Any]:
        """Measure the chosen repair on every split, and what it is compared with on held_out.

        Returns:
            `judgedN` and `traits` as `reading.flat` has them and `kept`: base and repair first, then, in held_out, one
            of each other way of choosing; `biasN`, `loss`, `kl` and texts of base and repair; what `_alternatives` has.
        """
        found: dict[str, Any] = {}
        for number, probes in enumerate([*self.data.near, *self.data.proof]):
            found[f"bias{number}"] = self.divergences(probes, [Repair(), outcome.repair])
        every = list(outcome.ablations.values())
        others = [every[places[0]] for places in by_choice(outcome.ablations).values()]  # one of each way of choosing
        named = {f"judged{number}": cells for number, cells in enumerate(self.data.judged)}
        for name, cells in (named | {"traits": self.data.traits}).items():
            held_out = cells[0].split == "held_out"
            readings = self.judgements(cells, [outcome.repair, *(others if held_out else ())])
            found |= reading.flat(readings, name)
            if held_out and name != "traits":
                found["brought"] = np.array(json.dumps([asdict(one) for one in readings[0].brought]))
        found["kept"] = self.keeps([outcome.repair, *others])
        if self.data.beside is not None:
            found |= self.otherwise(self.data.beside, [outcome.repair])
        cost = self.utility([outcome.repair])
        found |= {"loss": cost.loss, "kl": cost.kl}
        if outcome.ablations:
            found |= self._alternatives(every, found)
        asked = prompts(self.data)
        found["text_before"] = np.array(continuations(self.loaded.model, self.loaded.tokenizer, asked))
        with applied(self.loaded.model, outcome.repair):
            found["text_after"] = np.array(continuations(self.loaded.model, self.loaded.tokenizer, asked))
        return found

    def base(self, memory: Memory) -> dict[str, Any]:
        """Measure the model as it is on the splits of the proof, but for what is remembered: what an audit shows.

        Returns:
            Parts of what `everything` returns, of the base model alone.
        """
        found: dict[str, Any] = {}
        on = self._hangs_on()
        for name, content, compute in self._parts():
            found |= memory.arrays(name, (on, content), compute)
        return found

    def _parts(self) -> Iterator[tuple[str, object, Callable[[], Mapping[str, Any]]]]:
        """Yield each part of `base`: its name, what it is measured on, and what measures it."""
        for number, probes in enumerate(self.data.proof, start=len(self.data.near)):
            yield f"bias{number}", probes, partial(self._divergences, f"bias{number}", probes)
        judged = {f"judged{number}": cells for number, cells in enumerate(self.data.judged)}
        for name, cells in (judged | {"traits": self.data.traits}).items():
            if cells and cells[0].split in ("held_out", "external"):
                words = lexicon(self.loaded.tokenizer, cells[0].split)
                yield name, (cells, words.words, words.ids), partial(self._read, name, cells)
        yield "kept", self.kept(), lambda: {"kept": self.keeps([])}
        yield "loss", self.data.text["held_out"].tolist(), lambda: {"loss": self.utility([]).loss}
        if (beside := self.data.beside) is not None:
            words = lexicon(self.loaded.tokenizer, "held_out")
            yield "beside", (beside, words.words, words.ids), lambda: self.otherwise(beside, [])

    def _divergences(self, name: str, probes: Sequence[Probe]) -> dict[str, np.ndarray]:
        return {name: self.divergences(probes, [Repair()])}

    def _read(self, name: str, cells: Sequence[Cell]) -> dict[str, np.ndarray]:
        return reading.flat(self.judgements(cells, []), name)

    def _hangs_on(self) -> str:
        """Return a digest of all of a model that what is measured hangs on."""
        loaded, model = self.loaded, self.loaded.model
        words = sorted(loaded.tokenizer.get_vocab().items())
        place = home(model).type, model.dtype, model.config.to_json_string()
        own = sorted(loaded.own.items())
        return digest(VERSION, versions(), reading.PARTS, loaded.sha256(), *place, own, words, self.data.before)

    def otherwise(self, beside: Beside, repairs: Sequence[Repair]) -> dict[str, Any]:
        """Measure base and repairs in the other prompt format: `beside judged`, `beside traits`, `beside kept`."""
        found: dict[str, Any] = {}
        for name, cells in (("judged", beside.judged), ("traits", beside.traits)):
            found |= reading.flat(self.judgements(cells, repairs), f"beside {name}") if cells else {}
        kept = keep.usable(self.loaded, beside.choices, ())
        bar = progress_bar("meaning, recall otherwise asked", sum(map(len, kept.texts)) // 4 * (1 + len(repairs)))
        return found | {"beside kept": keep.read(self.loaded, kept, [Repair(), *repairs], bar)}

    def _alternatives(self, others: Sequence[Repair], found: dict[str, Any]) -> dict[str, Any]:
        """Measure alternatives on part of held_out, where base and repair have been measured already.

        Returns:
            `others`, [2 + alternatives, probes], base and repair first; `others_loss` likewise and `others_kl` without
            the base.
        """
        held_out = {probe: place for place, probe in enumerate(self.data.proof[0])}
        mine = found[f"bias{len(self.data.near)}"][:, [held_out[probe] for probe in self.data.control_proof]]
        bias = self.divergences(self.data.control_proof, others)
        cost = self.utility(others, self.data.sizes.control_chunks)
        chunks = cost.loss.shape[1]
        return {
            "others": np.concatenate([mine, bias]),
            "others_loss": np.concatenate([found["loss"][:, :chunks], cost.loss[1:]]),
            "others_kl": np.concatenate([found["kl"][:, :chunks], cost.kl]),
        }


def proof_of(outcome: methods.Outcome) -> str:
    """Return the name that a run keeps the proof of an outcome under.

    Another repair never takes over its figures, nor does another fairhub, or one that reads something else.
    """
    sha = hashlib.sha256(f"{VERSION} {reading.PARTS} ".encode())
    for name, made in {"": outcome.repair, **outcome.ablations}.items():
        sha.update(f"{name} {sorted(made.pruning)}".encode())
        for key, weight in sorted(made.patch.items()):
            sha.update(str(key).encode())
            sha.update(tensor_bytes(weight))
    return agreed(f"proof_{sha.hexdigest()[:16]}")


def batcher(loaded: Loaded) -> Callable[..., list[Batch]]:
    """Return a function that makes batches of probes for this model, refusing what its context window cannot hold."""
    return partial(batches_for, loaded.model, loaded.tokenizer)
