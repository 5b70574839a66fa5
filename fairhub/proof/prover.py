"""Measures the base model, the repair and what it is compared with, on the splits of the proof."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from typing import Any

import numpy as np

from fairhub import methods
from fairhub.compute.greedy import continuations
from fairhub.edit.repair import Repair, applied
from fairhub.inputs.batches import Batch, batches_for, text_batches
from fairhub.inputs.data import Beside, Data, compared, prompts
from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.inputs.probes import PROVED, Probe, Split
from fairhub.measure import keep
from fairhub.measure.divergence import divergence_tokens, divergences
from fairhub.measure.judgement import reading
from fairhub.measure.judgement.reading import Reading
from fairhub.measure.utility import Utility, utility
from fairhub.methods.controls import by_choice
from fairhub.model.facts import home, tensor_bytes
from fairhub.model.loading import Loaded
from fairhub.model.streaming.layers import streamed_of
from fairhub.model.streaming.steps import in_step, side_by_side
from fairhub.proof.assembly import VERSION
from fairhub.run.memory import Memory
from fairhub.run.processes import agreed, state
from fairhub.run.progress import progress_bar, summed

Measure = Callable[[Sequence[Repair]], dict[str, Any]]
"""Measures a part of the proof under some repairs: arrays that begin with [repairs]."""


class Prover:
    """Measures base and repaired models on the proof splits: once, for the report."""

    def __init__(self, loaded: Loaded, data: Data, memory: Memory | None = None) -> None:
        """Take the model, what to measure it on, and what was measured before; nothing is measured yet."""
        self.loaded, self.data, self.memory = loaded, data, memory or Memory()
        self.batched = batcher(loaded)
        self.text = text_batches(data.text["held_out"], rows=side_by_side(loaded.model, 4), device=home(loaded.model))

    def divergences(self, probes: Sequence[Probe], repairs: Sequence[Repair]) -> np.ndarray:
        """Return the divergence of these probes under every repair, [repairs, probes], nats."""
        batches = self.batched(probes)
        bar = progress_bar(f"measuring {probes[0].split}", divergence_tokens(batches) * len(repairs))
        return divergences(self.loaded.model, batches, repairs, bar)

    def utility(self, repairs: Sequence[Repair], chunks: int | None = None) -> Utility:
        """Return loss and KL of base and repairs on held-out text."""
        rows = len(self.text[0].items)
        batches = self.text if chunks is None else self.text[: -(-chunks // rows)]
        tokens = sum(b.tokens for b in batches) * (1 + len(repairs))
        return utility(self.loaded.model, batches, repairs, progress_bar("measuring text", tokens))

    def judgements(self, cells: Sequence[Cell], repairs: Sequence[Repair]) -> list[Reading]:
        """Return what each repair makes the model say after these cells of one split, by the words of that split."""
        words = lexicon(self.loaded.tokenizer, cells[0].split)
        bar = progress_bar(f"judgements {cells[0].split}", reading.tokens(self.loaded, cells) * len(repairs))
        return reading.read(self.loaded, cells, words, repairs, bar)

    def kept(self) -> keep.Kept:
        """Return the held-out choices and passages that this tokenizer can be asked."""
        return keep.usable(self.loaded, self.data.choices, self.data.passages)

    def keeps(self, kept: keep.Kept, repairs: Sequence[Repair]) -> np.ndarray:
        """Return what each repair makes of choices and passages, [repairs, 2, items]."""
        bar = progress_bar("meaning, recall", keep.tokens(self.loaded, kept) * len(repairs))
        return keep.read(self.loaded, kept, repairs, bar)

    def everything(self, outcome: methods.Outcome) -> dict[str, Any]:
        """Measure the chosen repair on every split, and what it is compared with on part of held_out.

        Returns:
            Of base and repair: `biasN`, `judgedN` and `traits` as `reading.flat` has them, `kept`, the same `beside`,
            `brought` (what held-out names bring), `loss`, `kl`; what `_alternatives` has; `text_before`, `text_after`.
        """
        found = self._compared(outcome.repair)
        cost = self.utility([outcome.repair])
        found |= {"loss": cost.loss, "kl": cost.kl}
        if outcome.ablations:
            found |= self._alternatives(outcome.ablations, found)
        found["text_before"], found["text_after"] = self._together(self._continued, [Repair(), outcome.repair])
        return found

    def _compared(self, repair: Repair) -> dict[str, Any]:
        """Measure all but text, of the base model where it is not remembered, and of a repair."""
        parts = list(self._parts(near=True))
        of_base = [partial(self._of_base, *part) for part in parts]
        of_repair = [partial(measure, [repair]) for _, _, measure in parts]
        measured = self._together(lambda measure: measure(), [*of_base, *of_repair])
        halves = zip(measured[: len(parts)], measured[len(parts) :], strict=True)
        return {name: np.concatenate([part[name], values]) for part, after in halves for name, values in after.items()}

    def _together(self, do: Callable[[Any], Any], pieces: Sequence[Any]) -> list[Any]:
        """Do pieces of the proof, one after the other; in step, under one bar, where layers rest in files."""
        if streamed_of(self.loaded.model) is None or state().num_processes > 1:  # what they gather comes in one order
            return [do(piece) for piece in pieces]
        with summed("measuring"):
            return list(in_step(self.loaded.model, held=0)(do, pieces))

    def _continued(self, repair: Repair) -> np.ndarray:
        """Return how prompts go on under a repair."""
        with applied(self.loaded.model, repair):
            return np.array(continuations(self.loaded.model, self.loaded.tokenizer, prompts(self.data)))

    def base(self) -> dict[str, Any]:
        """Measure the model as it is on the splits of the proof, but for what is remembered: what an audit shows.

        Returns:
            Parts of what `everything` returns, of the base model alone.
        """
        on = self._model, self.data.text["held_out"].tolist()
        return self._remembered() | self.memory.arrays("loss", on, lambda: {"loss": self.utility([]).loss})

    def judged(self, splits: Sequence[Split]) -> dict[str, Any]:
        """Measure who is judged worse in these splits of the proof alone: parts of what `base` returns."""
        words = {f"judged{number}" for number, cells in enumerate(self.data.judged) if cells[0].split in splits}
        return self._remembered(words)

    @cached_property
    def _model(self) -> str:
        """A hash of the untouched model; nothing where nothing is remembered, as all weights are read for it."""
        return self.loaded.fingerprint() if self.memory.folder else ""

    @property
    def _cells(self) -> dict[str, tuple[Cell, ...]]:
        """The cells that judgements are read from, by the name of their part of the proof."""
        judged = {f"judged{number}": cells for number, cells in enumerate(self.data.judged)}
        return judged | {"traits": self.data.traits}

    def _remembered(self, only: Collection[str] | None = None) -> dict[str, Any]:
        """Return every part of the proof but text, or `only` those named, of the base model."""
        parts = [part for part in self._parts(near=False) if only is None or part[0] in only]
        found: dict[str, Any] = {}
        for part in self._together(lambda part: self._of_base(*part), parts):
            found |= part
        return found

    def _of_base(self, name: str, content: object, measure: Measure) -> dict[str, Any]:
        return dict(self.memory.arrays(name, (self._model, content), partial(measure, [Repair()])))

    def _parts(self, near: bool) -> Iterator[tuple[str, object, Measure]]:
        """Yield each part of the proof but text: its name, what it is measured on, and what measures it.

        Args:
            near: Whether those of search and select are wanted too.
        """
        data, tokenizer = self.data, self.loaded.tokenizer
        for number, probes in enumerate([*data.near, *data.proof]):
            if near or number >= len(data.near):
                yield f"bias{number}", probes, partial(self._divergences, f"bias{number}", probes)
        for name, cells in self._cells.items():
            if cells and (near or cells[0].split in PROVED):
                words = lexicon(tokenizer, cells[0].split)
                yield name, (cells, words.words, words.ids), partial(self._read, name, cells)
        kept = self.kept()
        yield "kept", kept, lambda repairs: {"kept": self.keeps(kept, repairs)}
        if (beside := data.beside) is not None:
            words = lexicon(tokenizer, "held_out")
            yield "beside", (beside, words.words, words.ids), partial(self.otherwise, beside)

    def _divergences(self, name: str, probes: Sequence[Probe], repairs: Sequence[Repair]) -> dict[str, np.ndarray]:
        return {name: self.divergences(probes, repairs)}

    def _read(self, name: str, cells: Sequence[Cell], repairs: Sequence[Repair]) -> dict[str, np.ndarray]:
        readings = self.judgements(cells, repairs)
        found = reading.flat(readings, name)
        if cells[0].split == "held_out" and name != "traits":
            found["brought"] = np.array([json.dumps([asdict(one) for one in r.brought]) for r in readings])
        return found

    def otherwise(self, beside: Beside, repairs: Sequence[Repair]) -> dict[str, Any]:
        """Measure repairs in the other prompt format: `beside judged`, `beside traits`, `beside kept`."""
        found: dict[str, Any] = {}
        for name, cells in (("judged", beside.judged), ("traits", beside.traits)):
            found |= reading.flat(self.judgements(cells, repairs), f"beside {name}") if cells else {}
        return found | {"beside kept": self.keeps(keep.usable(self.loaded, beside.choices, ()), repairs)}

    def _alternatives(self, others: Mapping[str, Repair], found: dict[str, Any]) -> dict[str, Any]:
        """Measure alternatives on part of held_out, where base and repair have been measured already.

        Returns:
            Base and repair first, then every alternative: `others`, [2 + alternatives, probes], `others_loss` likewise
            and `others_kl` without the base; then one alternative of each way of choosing: `others judged` and
            `others traits` as `reading.flat` has them, and `others kept`.
        """
        held_out = {probe: place for place, probe in enumerate(self.data.proof[0])}
        mine = found[f"bias{len(self.data.near)}"][:, [held_out[probe] for probe in self.data.control_proof]]
        every = list(others.values())
        bias = self.divergences(self.data.control_proof, every)
        cost = self.utility(every, self.data.sizes.control_chunks)
        chunks = cost.loss.shape[1]
        return self._read_others([every[places[0]] for places in by_choice(others).values()], found) | {
            "others": np.concatenate([mine, bias]),
            "others_loss": np.concatenate([found["loss"][:, :chunks], cost.loss[1:]]),
            "others_kl": np.concatenate([found["kl"][:, :chunks], cost.kl]),
        }

    def _read_others(self, others: Sequence[Repair], found: dict[str, Any]) -> dict[str, Any]:
        """Measure judgements and what must stay under alternatives, where base and repair have been measured."""
        part = compared(self.data)
        made: dict[str, Any] = {}
        for name, cells in self._cells.items():
            mine = part.traits if name == "traits" else part.cells
            if mine and cells[0].split == "held_out":
                words = lexicon(self.loaded.tokenizer, "held_out")
                known = [reading.among(one, mine) for one in reading.unflat(cells, words, found, name)]
                made |= reading.flat([*known, *self.judgements(mine, others)], f"others {name.rstrip('0123456789')}")
        kept, all_kept = keep.usable(self.loaded, part.choices, part.passages), self.kept()
        known = found["kept"][:, :, all_kept.places(kept)]
        return made | {"others kept": np.concatenate([known, self.keeps(kept, others)])}


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
