"""Each published method on its own ground: its paper's figure on its paper's kind of prompts, beside ours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairhub.compute.generation import sampled
from fairhub.errors import UserError
from fairhub.inputs.batches import batches_for
from fairhub.inputs.probes import CONTROL, stratified, templates
from fairhub.inputs.probes.prompts import holistic_prompts
from fairhub.measure.activations import gaps_by_layer
from fairhub.measure.names.answers import Answers
from fairhub.measure.names.gap import change, table
from fairhub.measure.names.likelihood import expected
from fairhub.measure.names.prompts import PUBLISHED, first_items, shipped
from fairhub.measure.toxicity import classifier, scored
from fairhub.model.loading import Loaded
from fairhub.report import Figure
from fairhub.report.wording import shift
from fairhub.run.memory import Memory
from fairhub.run.progress import progress_bar
from fairhub.stats import statistics
from fairhub.stats.gaps import gap_change
from fairhub.stats.statistics import Change
from fairhub.studies.compare.entries import Entry, OwnGround

_BUCKET, _SEEDS, _WRITTEN = 10, (0, 1, 2), 40
"""Prompts of a bucket of HolisticBias; seeds and tokens of their continuations, which are FASP's."""
_PAIRS, _TOKENS = 48, 256
_ITEMS = 2
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Ground:
    """A figure, measured on any model."""

    name: str
    measure: Callable[[Loaded], Arrays]
    change: Callable[[Arrays, Arrays], Change]
    note: str = ""


@dataclass(frozen=True)
class _Claim:
    """What a paper says of its method, and by which figure."""

    ground: str
    figure: str
    said: str
    differs: str


_TOXIC = "toxicity gap, sum over groups of gender, continuations of HolisticBias' sentences"
_CLAIMS: Mapping[str, tuple[_Claim, ...]] = {
    "attention_pruning": (
        _Claim("toxicity", _TOXIC, "up to 40 % less, of six models",
               "its six models have 82M to 7B parameters; its tables by model are not known"),
    ),
    "fasp": (
        _Claim("toxicity", _TOXIC, "19 % less (DistilGPT-2), 19.5 (GPT-2), 39.5 (GPT-Neo-125M), 34.7 (GPT-Neo-1.3B), "
               "23 (GPT-J), 8 (Llama-2-7B)", "heads are scored by divergence or likelihood, not by sampled toxicity"),
    ),
    "breaking_down_bias": (
        _Claim("names", "name gap, standardised mean difference of numbers about held-out names",
               "about 0 in the use case it was pruned for; as digests have it 40 % less from finance to purchases",
               "Llama-3-8B there; 100 sampled answers a name, here by likelihood; single weights, here whole units; "
               "searched here on pairs of texts without names"),
    ),
    "fairness_pruning": (
        _Claim("activations", "activation gap on held-out pairs, optiPfair's definition",
               "22 % less on the one pair it was chosen on", "Llama-3.2-1B there; pairs that chose nothing here"),
        _Claim("bbq_bias_ambiguous", "BBQ, bias in ambiguous contexts, all categories",
               "0.0170 to 0.0135 at best of 8 settings, with the other bias score worse in it",
               "Llama-3.2-1B there, zeroing 1 to 40 neurons of a category"),
    ),
}  # fmt: skip
METHODS = tuple(_CLAIMS)
"""Methods that have a ground of their own."""


def on_own_ground(
    base: Loaded, at: Callable[[Path], Loaded], entries: Sequence[Entry], memory: Memory
) -> tuple[OwnGround, ...]:  # fmt: skip
    """Return a row for each claim of each published method among the runs.

    Args:
        base: The model that the runs repaired.
        at: Loads the repaired model of a run folder.
        entries: Runs.
        memory: What was measured before.

    Raises:
        UserError: The base model is another than that of the runs.
    """
    wanted = [entry for entry in entries if entry.report.method in _CLAIMS]
    if wanted and base.sha256() != wanted[0].report.base_model["sha256"]:
        known = wanted[0].report.base_model["id"]
        raise UserError(f"runs are measured beside their base model; these repaired {known}; name it")
    grounds = {claim.ground: None for entry in wanted for claim in _CLAIMS[entry.report.method]}
    made = {name: _GROUNDS[name](base) for name in grounds if name in _GROUNDS}
    return tuple(row for entry in wanted for row in _rows(base, at, entry, made, memory))


def _rows(
    base: Loaded, at: Callable[[Path], Loaded], entry: Entry, grounds: Mapping[str, _Ground], memory: Memory
) -> list[OwnGround]:
    repaired = at(Path(entry.run)) if entry.report.pruning else base
    rows = []
    for claim in _CLAIMS[entry.report.method]:
        here, note = "not measured: give --suite and --rows", ""
        if claim.ground not in grounds:
            here = _shift(entry.figure(claim.ground, "external")) or here
        elif repaired is base:
            here = "nothing was removed"
        else:
            ground = grounds[claim.ground]
            before, after = (_measured(ground, one, memory) for one in (base, repaired))
            here, note = shift(ground.change(before, after)), ground.note
        ours, cost = (_shift(entry.figure(name)) or "-" for name in ("judgement", "perplexity"))
        differs = "; ".join(filter(None, [f"here {base.id}", note, claim.differs]))
        rows.append(OwnGround(entry.name, claim.figure, claim.said, here, ours, cost, differs))
    return rows


def _measured(ground: _Ground, loaded: Loaded, memory: Memory) -> Arrays:
    return memory.arrays(f"ground_{ground.name}", (loaded.fingerprint(), ground.note), lambda: ground.measure(loaded))


def _shift(figure: Figure | None) -> str:
    return shift(figure.change) if figure and figure.change else ""


def _toxicity(base: Loaded) -> _Ground:
    prompts, by = holistic_prompts(count=_BUCKET), classifier()
    texts, groups = [p.text for p in prompts], [p.group for p in prompts]

    def measure(loaded: Loaded) -> Arrays:
        bar = progress_bar("toxicity of continuations", len(texts) * len(_SEEDS))
        written = [sampled(loaded.model, loaded.tokenizer, texts, seed, tokens=_WRITTEN, progress=bar)
                   for seed in _SEEDS]  # fmt: skip
        return {"toxicity": np.mean([scored(one, texts, by) for one in written], axis=0)}

    def moved(before: Arrays, after: Arrays) -> Change:
        clusters = [p.template for p in prompts]
        return gap_change(before["toxicity"], after["toxicity"], groups, clusters, scale=len(set(groups)))

    return _Ground("toxicity", measure, moved, f"classifier {by.stated}, continuations alone")


def _names(base: Loaded) -> _Ground:
    prompts = first_items(shipped(PUBLISHED), _ITEMS)

    def measure(loaded: Loaded) -> Arrays:
        bar = progress_bar("numbers about names", len(prompts))
        return vars(expected(loaded.model, loaded.tokenizer, prompts, progress=bar))

    def moved(before: Arrays, after: Arrays) -> Change:
        return change(table(prompts, Answers(**before)), table(prompts, Answers(**after)))

    return _Ground("names", measure, moved)


def _activations(base: Loaded) -> _Ground:
    people = (p for p in templates() if p.split == "held_out" and p.axis != CONTROL)
    probes = stratified(people, _PAIRS)

    def measure(loaded: Loaded) -> Arrays:
        return {"gap": gaps_by_layer(loaded.model, batches_for(loaded.model, loaded.tokenizer, probes, _TOKENS))}

    def moved(before: Arrays, after: Arrays) -> Change:
        return statistics.change(before["gap"].mean(1), after["gap"].mean(1), [p.template for p in probes])

    return _Ground("activations", measure, moved)


_GROUNDS: Mapping[str, Callable[[Loaded], _Ground]] = {
    "toxicity": _toxicity, "names": _names, "activations": _activations,
}  # fmt: skip
