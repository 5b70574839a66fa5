"""Laws 4, 6, 7 and 8: planted bias is found and removed, a fair model is left alone, a killed run goes on."""

import copy
import dataclasses
import shutil

import fake_report as fake
import numpy as np
import planted
import pytest
import torch
from planted import INNOCENT, PLAN, PLANTED, SIZES
from safetensors import SafetensorError
from tiny import ARCHITECTURES
from transformers import AutoModelForCausalLM
from wide import wide_but

import fairhub.inputs.gathering
import fairhub.inputs.text
import fairhub.pipeline
import fairhub.proof.prover
from fairhub import report
from fairhub.compute.engine import Engine
from fairhub.compute.greedy import continuations
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.probes import CONTROL
from fairhub.methods import Outcome
from fairhub.model.architecture import sites, units
from fairhub.model.loading import Loaded
from fairhub.pipeline import audit, repair
from fairhub.request import Request
from fairhub.run.folder import Remembered, Run

PLANTED_ENTRY = {"kind": PLANTED.kind, "layer": PLANTED.layer, "index": PLANTED.index}


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Short continuations; the Hub is out of reach."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(fairhub.inputs.text, "_hub_answers", lambda: False)
    monkeypatch.setattr(fairhub.proof.prover, "continuations", lambda m, t, p: continuations(m, t, p, tokens=4))


@pytest.fixture
def request_(text):
    return Request("robust", text=text, plan=PLAN, sizes=SIZES)


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr(fairhub.pipeline.plots, "save_all", lambda *_: {})


_DONE = {}


@pytest.fixture
def done(request_, tmp_path_factory, brief):
    """The planted model's run, made once."""
    if not _DONE:
        folder = tmp_path_factory.mktemp("runs") / "planted"
        model = planted.planted_model()
        _DONE["run"] = model, repair(planted.loaded(model), request_, folder), folder
    return _DONE["run"]


def lasting(made):
    """What must be the same whenever and on whatever machine it was made."""
    return dataclasses.replace(made, created="", cost={})


def mean_divergence(model, probes, pruning=frozenset()):
    return Engine(model, probe_batches(planted.tokenizer(), probes)).values([pruning])[0].mean()


@pytest.mark.wide
def test_one_head_carries_the_planted_bias():
    model = planted.planted_model()
    people = [p for p in planted.aligned() if p.axis != CONTROL][::9]  # texts of unequal length differ anyway
    base = mean_divergence(model, people)
    assert base > 1e-3
    assert mean_divergence(model, people, frozenset({PLANTED})) < 1e-3 * base
    for unit in units(model):
        if unit.kind == "head" and unit not in (PLANTED, INNOCENT):
            assert mean_divergence(model, people, frozenset({unit})) > 0.85 * base


def test_planted_bias_is_found_repaired_and_named(done):
    _, made, _ = done
    assert PLANTED_ENTRY in made.pruning
    change = made.figure("divergence", "held_out").change
    assert change.high < 0 and change.relative_high < 0 and change.relative < -0.5
    assert made.figure("divergence", "external").change.high < 0
    assert made.figure("specificity", "held_out").after.high < 0
    gap = made.figure("judgement", "held_out")
    assert gap.before.low > 0 and gap.change.high < 0 and made.figure("systematic", "held_out").change.high < 0
    assert made.verdict.startswith("Repaired")
    assert any(choice["chosen"] for choice in made.choices)


def test_every_figure_has_an_interval_and_bias_stands_beside_utility(done):
    _, made, _ = done
    every = [*made.figures, *(f for control in made.controls for f in control.figures)]
    for figure in every:
        for part in (figure.before, figure.after, figure.difference):
            assert part.low <= part.value <= part.high, figure.label
            assert np.isfinite([part.low, part.value, part.high]).all(), figure.label
        assert figure.clusters >= 2 and figure.items >= figure.clusters
    assert {f.split for f in every if f.role == "bias"} == {"search", "select", "held_out", "external"}
    for name in ("judgement", "systematic", "reaction", "merit", "recall", "perplexity", "kl", "specificity"):
        assert report.find(made.figures, name, "held_out"), name
    assert {c.name for c in made.controls} >= {"this repair", "random", "importance", "guard alone"}


def test_the_folder_holds_the_run(done):
    _, made, folder = done
    assert report.read(folder / "report.json") == made
    assert made.verdict[:8] in (folder / "report.md").read_text()
    assert {p.stem for p in (folder / "figures").glob("*.png")} >= {"fall_off", "by_axis", "units", "annealing"}
    assert (folder / "trace.jsonl").read_text().count("\n") == PLAN.real_steps
    assert not (folder / "work").exists() and not list(folder.rglob("*.partial"))


def test_stock_transformers_loads_the_repaired_model(done):
    model, made, folder = done
    saved = AutoModelForCausalLM.from_pretrained(folder / "model").eval()
    ids = torch.randint(3, 1000, (3, 40), generator=torch.Generator().manual_seed(0))
    base = planted.planted_model()
    with torch.no_grad():
        assert torch.equal(saved(ids).logits, model(ids).logits)
        assert not torch.allclose(saved(ids).logits, base(ids).logits, atol=1e-4)
    for site in sites(saved):
        gone = [u["index"] for u in made.pruning if (u["layer"], u["kind"]) == (site.layer, site.kind)]
        assert site.weight[:, site.columns(gone)].abs().sum() == 0
    touched = {name for name, weight in saved.state_dict().items() if not torch.equal(weight, base.state_dict()[name])}
    assert touched <= {f"model.layers.{n}.{p}.weight" for n in (0, 1) for p in ("self_attn.o_proj", "mlp.down_proj")}
    held_out = [p for p in planted.shipped() if p.split == "held_out" and p.axis != CONTROL][::5]
    assert mean_divergence(saved, held_out) < 0.5 * mean_divergence(base, held_out)


@pytest.mark.wide
def test_a_fair_model_is_left_alone(request_, tmp_path):
    made = repair(planted.loaded(planted.deaf_model()), request_, tmp_path / "fair")
    assert made.pruning == [] and made.healing is None and made.controls == ()
    assert made.verdict.startswith("Nothing to repair: nothing was found to remove")
    saved = AutoModelForCausalLM.from_pretrained(tmp_path / "fair" / "model").state_dict()
    assert all(torch.equal(saved[name], weight) for name, weight in planted.deaf_model().state_dict().items())
    assert report.read(tmp_path / "fair" / "report.json") == made


@pytest.mark.wide
def test_unseen_texts_choose_nothing(done, request_, tmp_path, monkeypatch, no_pictures):
    _, made, _ = done
    templates, vignettes = fairhub.inputs.gathering.templates, fairhub.inputs.gathering.vignettes

    def other(probe):
        if probe.split in ("search", "select"):
            return probe
        return dataclasses.replace(probe, text_a=f"Well, {probe.text_a}", text_b=f"Well, {probe.text_b}")

    monkeypatch.setattr(fairhub.inputs.gathering, "templates", lambda: [other(p) for p in templates()])
    monkeypatch.setattr(fairhub.inputs.gathering, "vignettes", lambda: [other(p) for p in vignettes()])
    cells = fairhub.inputs.gathering.cells_.shipped

    def other_cells(split, *how):
        return [
            dataclasses.replace(cell, texts=tuple((group, f"Well, {text}") for group, text in cell.texts))
            if split == "held_out" else cell
            for cell in cells(split, *how)
        ]  # fmt: skip

    monkeypatch.setattr(fairhub.inputs.gathering.cells_, "shipped", other_cells)
    again = repair(planted.loaded(planted.planted_model()), request_, tmp_path / "other")
    for field in ("pruning", "choices", "trace", "healing", "reliability"):
        assert getattr(again, field) == getattr(made, field), field
    for name in ("divergence", "judgement", "systematic"):
        assert again.figure(name, "select") == made.figure(name, "select")
        assert again.figure(name, "held_out") != made.figure(name, "held_out")
    assert again.figure("divergence", "external") != made.figure("divergence", "external")


class _Killed(BaseException):
    """As a kill would: nothing catches it."""


_SLOW = [pytest.param(moment, marks=pytest.mark.slow) for moment in ("moments", "energy 1", "select 2", "pictures")]


@pytest.mark.parametrize("moment", [*wide_but(("energy 3", "proof")), *_SLOW])
def test_a_killed_run_goes_on_to_the_same_report(done, request_, tmp_path, monkeypatch, no_pictures, moment):
    _, made, _ = done
    count = 0

    def dying(call, wanted):
        def called(*args, **kwargs):
            nonlocal count
            if wanted(*args):
                count += 1
            if count == int(moment.split()[1] if " " in moment else 1):
                count += 1
                raise _Killed
            return call(*args, **kwargs)

        return called

    with monkeypatch.context() as patch:
        if moment.startswith("energy"):
            patch.setattr(Remembered, "__call__", dying(Remembered.__call__, lambda *_: True))
        elif moment == "pictures":
            patch.setattr(fairhub.pipeline.plots, "save_all", dying(lambda *_: {}, lambda *_: True))
        else:
            stage = moment.split()[0]
            patch.setattr(Run, "arrays", dying(Run.arrays, lambda self, name, compute: name.startswith(stage)))
        with pytest.raises(_Killed):
            repair(planted.loaded(planted.planted_model()), request_, tmp_path / "run")
    assert not (tmp_path / "run" / "report.json").exists()
    again = repair(planted.loaded(planted.planted_model()), request_, tmp_path / "run", resume=True)
    assert lasting(again) == lasting(made)


def test_refuses_folders_and_other_settings(done, request_, tmp_path, monkeypatch):
    _, _, folder = done
    model = planted.loaded(planted.planted_model())
    with pytest.raises(UserError, match="not empty"):
        repair(model, request_, folder)
    with pytest.raises(UserError, match="finished"):
        repair(model, request_, folder, resume=True)
    monkeypatch.setattr(fairhub.pipeline, "task_of", lambda *_: (_ for _ in ()).throw(_Killed))
    with pytest.raises(_Killed):
        repair(model, request_, tmp_path / "run")
    other = dataclasses.replace(request_, plan=dataclasses.replace(PLAN, seed=1))
    with pytest.raises(UserError, match="settings it began with"):
        repair(model, other, tmp_path / "run", resume=True)
    with pytest.raises(_Killed):  # positive control: the same settings get past
        repair(model, request_, tmp_path / "run", resume=True)


def test_a_disk_that_fills_up_under_the_model_is_one_line(tmp_path, monkeypatch):
    def full(*_):
        raise SafetensorError("I/O error: No space left on device")

    model = planted.planted_model()
    monkeypatch.setattr(type(model), "save_pretrained", full)
    made, run = Outcome(Repair(), None, {}, {}, []), Run(tmp_path / "run", {}, False)
    with pytest.raises(UserError, match="No space left on device; free space, then --resume"):
        fairhub.pipeline._write(planted.loaded(model), made, fake.report(), {"plan": {}}, run)


@pytest.mark.wide
def test_without_healing_only_columns_go(request_, tmp_path, no_pictures):
    request_ = dataclasses.replace(request_, plan=dataclasses.replace(PLAN, heal=False))
    made = repair(planted.loaded(planted.planted_model()), request_, tmp_path / "run")
    assert made.healing is None and PLANTED_ENTRY in made.pruning
    assert made.figure("divergence", "held_out").change.high < 0
    saved = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model")
    expected = copy.deepcopy(planted.planted_model())
    with torch.no_grad():
        for site in sites(expected):
            gone = [u["index"] for u in made.pruning if (u["layer"], u["kind"]) == (site.layer, site.kind)]
            site.weight[:, site.columns(gone)] = 0
    assert all(torch.equal(w, saved.state_dict()[name]) for name, w in expected.state_dict().items())
    shutil.rmtree(tmp_path / "run")


@pytest.mark.wide
def test_first_order_effects_alone_find_what_is_planted(request_, tmp_path, no_pictures):
    request_ = dataclasses.replace(request_, plan=dataclasses.replace(PLAN, real_steps=0))
    made = repair(planted.loaded(planted.planted_model()), request_, tmp_path / "run")
    assert PLANTED_ENTRY in made.pruning and made.figure("divergence", "held_out").change.high < 0
    assert len(made.trace["energy"]) > 4 * PLAN.real_steps  # no step on the real model is this many


@pytest.mark.wide
def test_a_tokenizer_without_judgement_words_stops_nothing_and_proves_nothing(text, tmp_path, tokenizer, no_pictures):
    """Letters are its tokens: no word is one of them, so judgements are missing, and all else is measured."""
    loaded = Loaded(ARCHITECTURES["llama"](), tokenizer, "letters", "local")
    why = "as too few judgement words are one token of this model's tokenizer."
    audited = audit(loaded, Request("audit", text=text, sizes=SIZES))
    made = repair(loaded, Request("robust", text=text, plan=PLAN, sizes=SIZES), tmp_path / "run")
    for figures, verdict in ((audited, report.verdict(audited)), (made.figures, made.verdict)):
        assert verdict.startswith("Nothing is proved: who is judged worse was not measured") and verdict.endswith(why)
        names = {figure.name for figure in figures}
        assert names >= {"systematic", "reaction", "merit", "incidental", "divergence", "perplexity"}
        assert not [name for name in names if name.startswith(("judgement", "direction", "merit_gap"))]
    assert why in " ".join(report.audit_table(audited).split())
    assert report.read(tmp_path / "run" / "report.json") == made
