"""A published method's own figure on select beside ours: of the publication's own setting, and of the one taken."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fairhub.edit.repair import Repair, applied
from fairhub.inputs.judgement.lexicon import Lexicon, lexicon
from fairhub.inputs.probes import CONTROL, Probe, stratified
from fairhub.measure.activations import gaps_by_layer
from fairhub.measure.judgement import figures as judgement
from fairhub.measure.judgement import gaps, reading
from fairhub.measure.names.answers import Answers
from fairhub.measure.names.gap import change, table
from fairhub.measure.names.likelihood import expected
from fairhub.measure.names.prompts import PUBLISHED, NamePrompt, first_items, shipped
from fairhub.methods.dials import Front
from fairhub.model.units import Pruning
from fairhub.report.record import Figure
from fairhub.report.wording import number, percent, shift
from fairhub.run.folder import digest
from fairhub.search.task import Task
from fairhub.stats import statistics

_PAIRS = 24
_TOKENS = 256  # a batch: activations of every layer are held at once
_QUESTIONS = 2
"""Items of a scenario of name prompts that are asked."""
_NOTHING: Pruning = frozenset()
Rows = list[dict[str, Any]]


def of_activations(task: Task, found: Front) -> dict[str, Any]:
    """Return the activation gap beside judgements, and by layer: the figure of Fairness Pruning (Martra 2025).

    With it stands in which way the signed judgement gaps moved: neurons are chosen by the size of a difference, which
    tells not whether it speaks for a group or against it, so that zeroing them may move gaps both ways (arXiv
    2607.28319).
    """
    before, *after = (_activations(task, units) for units in _beside(found))
    templates = [probe.template for probe in _probes(task)]
    rows: Rows = []
    for setting, values in zip(found.shown, after, strict=True):
        moved = statistics.change(before.mean(1), values.mean(1), templates)
        rows.append({"setting": setting.words, "activation gap": shift(moved), **_judged(task, setting.pruning)})
    layers = [
        {"layer": layer, "before": number(old), "after": number(new), "change": percent(new / max(old, 1e-12) - 1)}
        for layer, (old, new) in enumerate(zip(before.mean(0), after[-1].mean(0), strict=True))
    ]
    return {"name": "activation gap", "rows": rows, "layers": layers}


def of_names(task: Task, found: Front, axis: str = "race") -> dict[str, Any]:
    """Return the standardised mean difference of numbers about names beside judgements (Ma et al. 2025).

    Asked are names of select, by likelihood instead of by sampling.
    """
    prompts = first_items(shipped(PUBLISHED, splits=("select",)), _QUESTIONS)
    before, *after = (_answers(task, prompts, units) for units in _beside(found))
    rows: Rows = []
    for setting, answers in zip(found.shown, after, strict=True):
        moved = change(table(prompts, before, axis), table(prompts, answers, axis))
        rows.append({"setting": setting.words, "name gap": shift(moved), **_judged(task, setting.pruning)})
    return {"name": "name gap", "rows": rows}


def _beside(found: Front) -> list[Pruning]:
    return [_NOTHING, *(setting.pruning for setting in found.shown)]


def _probes(task: Task) -> Sequence[Probe]:
    return stratified((probe for probe in task.select if probe.axis != CONTROL), _PAIRS)


def _activations(task: Task, units: Pruning) -> np.ndarray:
    """Return the activation gap of pairs of select, [pairs, layers]: the mean over layers is optiPfair's number."""

    def compute() -> dict[str, np.ndarray]:
        with applied(task.model, Repair(units)):
            return {"gap": gaps_by_layer(task.model, task.batched(_probes(task), _TOKENS))}

    return task.run.arrays(f"activation_gap_{digest(*sorted(units))}", compute)["gap"]


def _judged(task: Task, units: Pruning) -> dict[str, Any]:
    """Return what became of the judgement gap, and how many of the signed gaps shrank and grew."""
    words = lexicon(task.tokenizer, "select").only(task.choose.dimensions)
    if not units or not words.words or not task.choose.cells:
        return {}
    before, after = (_reading(task, asked, words) for asked in (_NOTHING, units))
    made = judgement.figures(before, after, "select", details=False)
    overall = next((figure for figure in made if figure.name == "judgement"), None)
    signed = judgement.directions([before, after], gaps.Words(words), "select")
    grew = [figure for figure in signed if _grew(figure)]
    sure = [figure for figure in signed if figure.change and not figure.change.low <= 0 <= figure.change.high]
    return {
        "judgement gap": shift(overall.change) if overall else "-",
        "signed gaps that shrank": len(signed) - len(grew), "that grew": len(grew),
        "surely shrank": sum(not _grew(figure) for figure in sure), "surely grew": sum(map(_grew, sure)),
    }  # fmt: skip


def _grew(figure: Figure) -> bool:
    return figure.after is not None and abs(figure.after.value) > abs(figure.before.value)


def _reading(task: Task, units: Pruning, words: Lexicon) -> reading.Reading:
    def compute() -> dict[str, np.ndarray]:
        bar = task.progress("who is judged worse, on select", reading.tokens(task.loaded, task.choose.cells))
        return reading.flat(reading.read(task.loaded, task.choose.cells, words, [Repair(units)], bar))

    stored = task.run.arrays(f"judged_select_{digest(*sorted(units))}", compute)
    return reading.unflat(task.choose.cells, words, stored)[0]


def _answers(task: Task, prompts: Sequence[NamePrompt], units: Pruning) -> Answers:
    def compute() -> dict[str, np.ndarray]:
        bar = task.progress("numbers about names", len(prompts))
        with applied(task.model, Repair(units)):
            return vars(expected(task.model, task.tokenizer, prompts, progress=bar))

    return Answers(**task.run.arrays(f"names_select_{digest(*sorted(units))}", compute))
