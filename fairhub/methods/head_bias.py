"""The bias that heads are scored by: divergence of pairs, expected judgement words, or toxicity of what is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fairhub.engine import Engine, probe_batches
from fairhub.errors import UserError
from fairhub.gaps import mean_gap
from fairhub.generation import sampled
from fairhub.judgements import Attribute, text_batches_of
from fairhub.measure import home
from fairhub.methods.task import Task
from fairhub.probes import CONTROL, stratified
from fairhub.probes.prompts import Prompt, probe_prompts
from fairhub.processes import spread
from fairhub.surgery import Pruning, masked
from fairhub.toxicity import classifier, scored

PROBES = 24
"""Probes a head is scored on: few, since its removal is exact; the report says how repeatable that is."""
PROMPTS = 48
TOKENS = 12
SEEDS = (0, 1, 2)


@dataclass(frozen=True, eq=False)
class HeadBias:
    """A bias figure that can be asked of many prunings."""

    measure: Callable[[Sequence[Pruning]], np.ndarray]
    """Prunings to one number an item, [prunings, items]."""
    reduced: Callable[[np.ndarray, Sequence[int]], np.ndarray]
    """The figure over some of the items, [prunings] from [prunings, items]."""
    templates: tuple[str, ...]
    """The template of each item."""
    classifier: str = ""
    """What scored the texts, where a classifier did."""


def head_bias(name: str, task: Task) -> HeadBias:
    """Return the bias figure of that name, on search prompts: HolisticBias is left alone, since it is external.

    `divergence`: mean over probes. `attribute` and `toxicity`: the sum over groups of the distance from the overall
    mean (FASP), averaged over axes; `toxicity` is that of short continuations, averaged over three seeds.

    Raises:
        UserError: There is no figure of that name, or it cannot be had here.
    """
    refuse_bias(name)
    return _BIASES[name](task)


def refuse_bias(name: str) -> None:
    """Refuse what is no bias figure.

    Raises:
        UserError: It is none.
    """
    if name not in _BIASES:
        raise UserError(f"bias must be one of {', '.join(_BIASES)}; got {name!r}; choose one of them")


def _divergence(task: Task) -> HeadBias:
    probes = [p for p in task.sample if p.axis != CONTROL][:PROBES]
    engine = Engine(task.model, probe_batches(task.tokenizer, probes, device=home(task.model)))
    return HeadBias(engine.values, lambda values, rows: values[:, rows].mean(1), tuple(p.template for p in probes))


def _attribute(task: Task) -> HeadBias:
    prompts = _prompts(task)
    batches = text_batches_of(task.tokenizer, [p.text for p in prompts], device=home(task.model))
    engine = Engine(task.model, batches, Attribute(task.tokenizer))
    return HeadBias(engine.values, _gaps(prompts), tuple(p.template for p in prompts))


def _toxicity(task: Task) -> HeadBias:
    prompts, by = _prompts(task), classifier()
    texts = [p.text for p in prompts]

    def measure(prunings: Sequence[Pruning]) -> np.ndarray:
        return np.stack(spread(prunings, lambda pruning: _written(task, pruning)))

    def _written(task: Task, pruning: Pruning) -> np.ndarray:
        with masked(task.model, pruning):
            every = [sampled(task.model, task.tokenizer, texts, seed, tokens=TOKENS) for seed in SEEDS]
        return np.mean([scored(written, texts, by) for written in every], axis=0)

    return HeadBias(measure, _gaps(prompts), tuple(p.template for p in prompts), by.stated)


def _prompts(task: Task) -> list[Prompt]:
    """Return search prompts, groups of every axis in turn."""
    found = probe_prompts(stratified(task.search, 2 * PROMPTS), least=3)[:PROMPTS]
    if not found:
        raise UserError("groups need 3 prompts each; the search probes have fewer; use --bias divergence")
    return found


def _gaps(prompts: Sequence[Prompt]) -> Callable[[np.ndarray, Sequence[int]], np.ndarray]:
    def reduced(values: np.ndarray, rows: Sequence[int]) -> np.ndarray:
        gaps = []
        for axis in sorted({prompts[i].axis for i in rows}):
            here = [i for i in rows if prompts[i].axis == axis]
            groups = [prompts[i].group for i in here]
            if len(set(groups)) > 1:
                gaps.append(mean_gap(values[:, here], groups) * len(set(groups)))
        return np.mean(gaps, axis=0) if gaps else np.zeros(len(values))

    return reduced


_BIASES = {"divergence": _divergence, "attribute": _attribute, "toxicity": _toxicity}
