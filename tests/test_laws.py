"""Laws 4, 6, 7 and 8 on every listed architecture, end to end, on a small part of the shipped probes."""

import dataclasses
import random
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import planted
import pytest
import torch
from planted import PLANTED
from tiny import architectures
from transformers import AutoModelForCausalLM, PreTrainedModel

import fairhub.inputs.gathering
import fairhub.inputs.text
import fairhub.pipeline
import fairhub.proof.prover
from fairhub import report
from fairhub.compute.engine import Engine
from fairhub.compute.greedy import continuations
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.probes import CONTROL
from fairhub.inputs.sizes import Sizes
from fairhub.measure.judgement.pairs import OF_PAIRS
from fairhub.methods import Plan
from fairhub.model.architecture import sites
from fairhub.model.units import Unit
from fairhub.pipeline import repair
from fairhub.report import Report
from fairhub.request import Request
from fairhub.run.folder import Remembered, Run
from fairhub.stats import statistics

OURS = ("search", "select", "held_out")
AXES, CONTEXTS = ("gender", "race"), ("health", "hiring", "policing", "social")
PROBES = [p for p in planted.aligned() if p.axis in (*AXES, CONTROL) and p.context in CONTEXTS]
PEOPLE = [p for p in PROBES if p.axis != CONTROL and p.split in ("held_out", "external")][::3]
SIZES = Sizes(
    search=48, screen=40, sample=16, select=32, held_out=32, external=24, control=24, compared=16, control_chunks=4,
    search_tokens=2048, select_tokens=1024, held_out_tokens=1024, judged=60, judged_near=24, traits=24, choices=24,
    passages=8,
)  # fmt: skip
PLAN = Plan(budget=0.5, exchange=1.0, heads=4, neurons=2, steps=200, real_steps=4)
every_architecture = pytest.mark.parametrize("name", architectures("gpt2"))  # Llama has test_pipeline.py


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A small part of the shipped probes, few resamples, short continuations, no pictures, no Hub."""
    for name in ("interval", "change", "specificity"):
        monkeypatch.setattr(statistics, name, partial(getattr(statistics, name), resamples=200))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(fairhub.inputs.text, "_hub_answers", lambda: False)
    monkeypatch.setattr(fairhub.proof.prover, "continuations", lambda m, t, p: continuations(m, t, p, tokens=4))
    monkeypatch.setattr(fairhub.pipeline.plots, "save_all", lambda *_: {})
    give(monkeypatch, PROBES)


def give(monkeypatch, probes, wording=lambda cell: cell):
    """Let fairhub ship these probes and cells as alike, and no public ones be installed."""
    monkeypatch.setattr(fairhub.inputs.gathering, "templates", lambda: [p for p in probes if p.split != "external"])
    monkeypatch.setattr(fairhub.inputs.gathering, "vignettes", lambda: [p for p in probes if p.split == "external"])
    monkeypatch.setattr(fairhub.inputs.gathering, "holistic_bias", lambda: [])
    monkeypatch.setattr(fairhub.inputs.gathering, "crows_pairs", lambda: [])
    monkeypatch.setattr(fairhub.inputs.gathering, "holistic_cells", lambda *_: [])
    cells = [wording(cell) for split in OURS for cell in planted.aligned_cells(split, 60, AXES)]
    monkeypatch.setattr(
        fairhub.inputs.gathering.cells_, "shipped", lambda split, *_: [c for c in cells if c.split == split]
    )


@pytest.fixture
def request_(text):
    return Request("robust", axes=AXES, text=text, plan=PLAN, sizes=SIZES)


class Done(NamedTuple):
    """A run that nothing disturbed."""

    model: PreTrainedModel
    made: Report
    folder: Path
    moments: int
    """At how many moments it could have been killed."""


_DONE: dict[str, Done] = {}


@pytest.fixture
def done(name, request_, tmp_path_factory, small):
    """The run of an architecture's planted model, made once."""
    if name not in _DONE:
        folder, model = tmp_path_factory.mktemp("runs") / name, planted.planted_model(name)
        with pytest.MonkeyPatch.context() as patch:
            clock = Clock(patch)
            made = repair(planted.loaded(model), request_, folder)
        _DONE[name] = Done(model, made, folder, clock.count)
    return _DONE[name]


class Killed(BaseException):
    """As a kill would: nothing catches it."""


class Clock:
    """Counts the moments at which something was computed and is not yet written; kills at one of them."""

    def __init__(self, patch, last: int | None = None) -> None:
        self.count, self.last = 0, last
        for kind, method in ((Run, "arrays"), (Remembered, "__call__")):
            patch.setattr(kind, method, self._watched(getattr(kind, method)))

    def _watched(self, keep):
        return lambda kept, key, compute: keep(kept, key, lambda: self._tick(compute()))

    def _tick(self, found: Any) -> Any:
        self.count += 1
        if self.count == self.last:
            raise Killed
        return found


def lasting(made: Report) -> Report:
    """What must be the same whenever and on whatever machine it was made."""
    return dataclasses.replace(made, created="", cost={})


def mean_divergence(model, *prunings):
    return Engine(model, probe_batches(planted.tokenizer(), PEOPLE)).values(prunings).mean(1).tolist()


def named(made: Report) -> frozenset[Unit]:
    return frozenset(Unit(**unit) for unit in made.pruning)


# --- law 6 ---


@every_architecture
def test_the_planted_unit_is_what_is_removed(name, request_, tmp_path):
    plain = dataclasses.replace(request_, plan=dataclasses.replace(PLAN, heal=False, budget=1.0))  # bare cuts are dear
    made = repair(planted.loaded(planted.planted_model(name)), plain, tmp_path / "run")
    assert PLANTED in named(made) and made.verdict.startswith("Repaired")
    for split in ("held_out", "external"):
        assert made.figure("divergence", split).change.relative_high < -0.99
    assert made.figure("judgement", "held_out").before.low > 0
    assert made.figure("judgement", "held_out").change.relative_high < -0.99
    bystanders = named(made) - {PLANTED}
    base, alone, without = mean_divergence(
        planted.planted_model(name), frozenset(), frozenset({PLANTED}), bystanders
    )  # fmt: skip
    assert alone < 1e-3 * base and without > 0.3 * base


@every_architecture
def test_healed_the_bias_is_gone_too_and_the_planted_unit_is_named(name, done):
    base, left = *mean_divergence(planted.planted_model(name), frozenset()), *mean_divergence(done.model, frozenset())
    assert left < 0.2 * base and done.made.verdict.startswith("Repaired")
    assert PLANTED in named(done.made)
    assert done.made.figure("divergence", "held_out").change.relative_high < -0.5
    assert done.made.figure("judgement", "held_out").change.relative_high < -0.5
    assert done.made.figure("specificity", "held_out").after.high < 0
    assert done.made.healing is not None


@every_architecture
def test_a_model_without_bias_is_left_alone(name, request_, tmp_path):
    fair = planted.fair_model(name)
    made = repair(planted.loaded(fair), request_, tmp_path / "run")
    assert made.pruning == [] and made.healing is None and made.controls == ()
    assert made.verdict.startswith("Nothing to repair: nothing was found to remove")
    assert made.figure("judgement", "held_out").before.value < 1e-6
    before = planted.fair_model(name).state_dict()
    assert all(torch.equal(before[key], weight) for key, weight in fair.state_dict().items())


# --- law 4 ---


@pytest.mark.wide
@every_architecture
def test_a_second_run_killed_anywhere_comes_to_the_same(name, done, request_, tmp_path, monkeypatch):
    moment = random.Random(name).randint(1, done.moments)
    with monkeypatch.context() as patch:
        Clock(patch, last=moment)
        with pytest.raises(Killed):
            repair(planted.loaded(planted.planted_model(name)), request_, tmp_path / "run")
    assert not (tmp_path / "run" / "report.json").exists()
    again = planted.planted_model(name)
    with monkeypatch.context() as patch:
        clock = Clock(patch)
        made = repair(planted.loaded(again), request_, tmp_path / "run", resume=True)
    assert clock.count == done.moments - moment + 1  # nothing is computed twice but what was being computed
    assert lasting(made) == lasting(done.made)
    assert (tmp_path / "run" / "trace.jsonl").read_bytes() == (done.folder / "trace.jsonl").read_bytes()
    assert all(torch.equal(done.model.state_dict()[key], weight) for key, weight in again.state_dict().items())


@every_architecture
def test_stock_transformers_loads_the_repaired_model(name, done):
    ids = torch.randint(3, 1000, (3, 40), generator=torch.Generator().manual_seed(0))
    saved = AutoModelForCausalLM.from_pretrained(done.folder / "model").eval()
    with torch.no_grad():
        assert torch.equal(saved(ids).logits, done.model(ids).logits)
        assert not torch.allclose(saved(ids).logits, planted.planted_model(name)(ids).logits, atol=1e-4)
    assert named(done.made)
    for site in sites(saved):
        gone = [unit.index for unit in named(done.made) if (unit.layer, unit.kind) == (site.layer, site.kind)]
        assert not site.weight[:, site.columns(gone)].any()


# --- law 7 ---


@every_architecture
def test_unseen_texts_choose_nothing(name, done, request_, tmp_path, monkeypatch):
    unseen = ("held_out", "external")
    give(monkeypatch, [reworded(p) if p.split in unseen else p for p in PROBES],
         lambda cell: said_otherwise(cell) if cell.split in unseen else cell)  # fmt: skip
    made = repair(planted.loaded(planted.planted_model(name)), request_, tmp_path / "run")
    for field in ("pruning", "choices", "trace", "healing", "reliability"):
        assert getattr(made, field) == getattr(done.made, field), field
    for split in ("search", "select", "held_out", "external"):
        for figure in ("divergence", "judgement") if split != "external" else ("divergence",):
            same = made.figure(figure, split, AXES[0]) == done.made.figure(figure, split, AXES[0])
            assert same == (split in ("search", "select")), split


def reworded(probe):
    return dataclasses.replace(probe, text_a=f"Well, {probe.text_a}", text_b=f"Well, {probe.text_b}")


def said_otherwise(cell):
    return dataclasses.replace(cell, texts=tuple((group, f"Well, {text}") for group, text in cell.texts))


@pytest.mark.parametrize("name", ["gpt2"])
@pytest.mark.wide
def test_other_seen_texts_do_choose(name, done, request_, tmp_path, monkeypatch):
    """Positive control: the same rewording of select is noticed."""
    give(monkeypatch, [reworded(p) if p.split == "select" else p for p in PROBES])
    made = repair(planted.loaded(planted.planted_model(name)), request_, tmp_path / "run")
    assert made.choices != done.made.choices


# --- law 8 ---


@every_architecture
def test_every_figure_has_an_interval_and_bias_stands_beside_utility(done):
    tables = [done.made.figures, *(control.figures for control in done.made.controls)]
    assert {control.name for control in done.made.controls} >= {"this repair", "random", "importance", "guard alone"}
    for figure in (figure for table in tables for figure in table):
        for part in (figure.before, figure.after, figure.difference):
            assert part.low <= part.value <= part.high, figure.label
            assert np.isfinite([part.low, part.value, part.high]).all(), figure.label
        assert figure.clusters >= 2 and figure.items >= figure.clusters
    for table in tables:
        assert report.find(table, "divergence", "held_out")
    for beside in ("judgement", "systematic", "reaction", "merit", "incidental", "meaning", "recall"):
        assert report.find(done.made.figures, beside, "held_out"), beside
        for beside in ("perplexity", "kl", "specificity"):
            assert report.find(table, beside, "held_out"), beside
    assert {f.split for f in done.made.figures if f.role == "bias"} == {"search", "select", "held_out", "external"}


@every_architecture
def test_what_was_not_measured_is_missing(done):
    measured = {*OF_PAIRS, "divergence", "specificity", "perplexity", "kl", "distinct_2"}
    measured |= {"judgement.leave_one_frame_out"}
    measured |= {f"{kind}.{name}" for kind in ("judgement", "direction")
                 for name in ("bad", "incompetent", "cold", "criminal", "poor", "menial")}  # fmt: skip
    assert {figure.name for figure in done.made.figures if figure.role != "keep"} == measured
    people = {figure.axis for figure in done.made.figures if figure.role == "bias"} - {"all"}
    assert people == set(AXES)
    assert report.read(done.folder / "report.json") == done.made
