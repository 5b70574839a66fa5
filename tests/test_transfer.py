"""Transfer: every repair measured in every context, resumed where it was stopped, shown where runs are shown."""

import json
from dataclasses import replace

import fake_report as fake
import numpy as np
import planted
import pytest
import torch
from typer.testing import CliRunner

import fairhub.studies.transfer.command
from fairhub import card, plots, report
from fairhub.__main__ import app
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.batches import text_batches
from fairhub.inputs.probes import stratified
from fairhub.measure.divergence import losses
from fairhub.measure.utility import utility
from fairhub.proof.figures import Bias, bias_figures
from fairhub.publish.contents import _elsewhere
from fairhub.report.transfer import transfer_base
from fairhub.report.use_case import use_case
from fairhub.run.folder import Run
from fairhub.studies.transfer.command import Asked, attach, transfer
from fairhub.studies.transfer.ground import USED, of_names, of_probes
from fairhub.studies.transfer.rows import PLAN, row, row_names

METHODS = ("fairness_pruning", "breaking_down_bias")
CONTEXTS = ("hiring", "lending", "housing")


def never(*_):
    raise AssertionError("was made twice")


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("fairhub.inputs.text._hub_answers", lambda: False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transfer")
    text = planted.write_text(folder / "neutral.txt")
    asked = Asked(METHODS, CONTEXTS, text=text, variant="answer=1, q=0.3, agree=0.3", figure="divergence")
    out, said = folder / "out", []
    loaded = planted.loaded(planted.planted_model())
    with pytest.MonkeyPatch.context() as brief:
        brief.setattr("fairhub.studies.transfer.ground.SIZES", planted.TRANSFER_SIZES)
        found = transfer(loaded, asked, out, show=said.append)
    return loaded, asked, out, found, said


def test_the_matrix_has_every_cell_with_its_interval(made):
    _, _, out, found, said = made
    assert json.loads((out / "transfer.json").read_text()) == json.loads(json.dumps(found))
    names = [*CONTEXTS, *(f"all but {c}" for c in CONTEXTS)]
    places = [(c["method"], c["repaired_on"], c["measured_on"]) for c in found["cells"]]
    assert places == [(m, r, c) for m in METHODS for r in names for c in CONTEXTS]
    assert len(said) == len(found["rows"]) == 2 * len(names)
    for cell in found["cells"]:
        assert cell["change"]["low"] <= cell["change"]["value"] <= cell["change"]["high"]
    assert {"contexts", "cells", "leave_one_out_kept"} <= set(found)
    assert all(row["perplexity"]["relative"] is not None for row in found["rows"])
    assert (out / "transfer.png").stat().st_size > 10_000
    assert "Repaired for hiring" in (out / "transfer.md").read_text()


def test_every_row_costs_what_it_costs_beside_one_measurement_of_the_base(made):
    rows = [np.load(path)["loss"] for path in sorted((made[2] / "work").glob("row_*.npz"))]
    assert len(rows) == len(made[3]["rows"])
    assert all((before == rows[0][0]).all() for before, _ in rows)
    assert any((before != after).any() for before, after in rows)


def test_a_row_fits_and_chooses_on_judged_texts_of_its_contexts_alone(made):
    """An erasure of every row once was fitted on the texts of all contexts: a matrix of one and the same edit."""
    loaded, asked, *_ = made
    ground = of_probes(loaded.tokenizer, CONTEXTS, None, asked.text)
    for name, contexts in row_names(CONTEXTS).items():
        data = ground.data(contexts)
        for part in (data.fit, data.choose):
            assert {cell.context for cell in part.cells} <= set(contexts), name
        assert data.fit.cells and len(data.fit.cells) < len(ground.base.fit.cells)
        assert data.fit.traits == ground.base.fit.traits  # what must stay is kept everywhere


def test_rows_share_what_hangs_on_model_and_pair_and_find_what_they_found_alone(made, tmp_path, monkeypatch):
    loaded, asked, *_ = made
    monkeypatch.setattr("fairhub.studies.transfer.ground.SIZES", planted.TRANSFER_SIZES)
    ground = of_probes(loaded.tokenizer, CONTEXTS, None, asked.text, figure="divergence")
    few = [
        p for context in CONTEXTS for split in ("search", "select")
        for p in stratified((p for p in ground.probes if (p.context, p.split) == (context, split)), 4)
    ]  # fmt: skip
    ground, plan = replace(ground, probes=tuple(few)), replace(PLAN, budget=0.5, steps=200)
    one = row(loaded, ground, Run(tmp_path / "one", {}, resume=True), "robust", "all but housing", plan)
    both = Run(tmp_path / "both", {}, resume=True)
    for name in ("hiring", "lending"):
        row(loaded, ground, both, "robust", name, plan)
    monkeypatch.setattr("fairhub.methods.effects.first_order", never)
    monkeypatch.setattr("fairhub.methods.rebuild.moments", never)
    other = row(loaded, ground, both, "robust", "all but housing", plan)
    assert (one.heads, one.neurons) == (other.heads, other.neurons) != (0, 0)
    np.testing.assert_allclose(one.loss, other.loss, rtol=1e-4)
    np.testing.assert_allclose(one.measured["divergence"], other.measured["divergence"], rtol=1e-2, atol=1e-5)


def test_losses_are_those_that_utility_counts():
    model = planted.planted_model()
    chunks = torch.randint(3, 128, (5, 24), generator=torch.Generator().manual_seed(0))
    batches, repair = text_batches(chunks, rows=2), Repair(frozenset([planted.PLANTED]))
    both = utility(model, batches, [repair]).loss
    assert np.allclose([losses(model, batches, Repair()), losses(model, batches, repair)], both, rtol=1e-6)
    assert not np.allclose(both[0], both[1])


@pytest.mark.wide
def test_a_matrix_that_was_stopped_goes_on_and_the_model_is_left_as_it_was(made, monkeypatch):
    loaded, asked, out, found, _ = made

    monkeypatch.setattr("fairhub.studies.transfer.rows.task_of", never)
    monkeypatch.setattr("fairhub.studies.transfer.ground.SIZES", planted.TRANSFER_SIZES)
    assert json.loads(json.dumps(transfer(loaded, asked, out))) == json.loads(json.dumps(found))
    assert loaded.sha256() == found["base_model"]["sha256"]
    with pytest.raises(UserError, match="settings"):
        transfer(loaded, replace(asked, seed=5), out)


def test_report_card_and_pictures_show_the_matrix(made, tmp_path):
    found = made[3]
    written = fake.report(transfer=None)
    written = replace(written, base_model=written.base_model | {"sha256": found["base_model"]["sha256"]})
    assert "How far" not in report.markdown(written)
    report.write(written, tmp_path / "report.json")
    attach(found, tmp_path)
    again = report.read(tmp_path / "report.json")
    assert again.transfer is not None and again.transfer["contexts"] == list(CONTEXTS)
    for page in ((tmp_path / "report.md").read_text(), card.render(again, "org/name", pictures=["transfer"])):
        assert "How far a repair carries" in page and "Repaired for lending" in page
    assert (tmp_path / "figures" / "transfer.png").is_file() and plots.PICTURES["transfer"](written) is None
    with pytest.raises(UserError, match="another"):
        attach(found | {"base_model": {"sha256": "0"}}, tmp_path)


def test_what_chance_makes_stands_beside_the_base_models_figures():
    found = {
        "unit": "SD",
        "asked": {"names": True},
        "base": dict.fromkeys("ab", {"value": 0.1, "low": 0.0, "high": 0.2}),
    }
    said = transfer_base(found | {"chance": {"a": {"mean": 0.05, "high": 0.2}, "b": {"mean": 0.05, "high": 0.08}}})
    assert "SD (race): a" in said and "(chance alone gives 0.0500, up to 0.200: no gap is shown); b" in said
    assert said.endswith("(chance alone gives 0.0500, up to 0.0800).")


def test_rows_are_every_context_and_all_but_each():
    assert row_names("abc")["all but b"] == ("a", "c") and len(row_names("abc")) == 6
    assert set(row_names("ab")) == {"a", "b"}


@pytest.mark.wide
def test_name_ground_keeps_names_and_contexts_apart(tmp_path):
    loaded = planted.loaded(planted.planted_model())
    ground = of_names(loaded.tokenizer, ("chess", "sports"), planted.write_text(tmp_path / "text.txt"))
    asked = {p.name for p in ground.ruler.prompts}
    searched = {name for p in ground.probes for name in (p.term_a, p.term_b)}
    assert len(asked) == 12 and not asked & searched
    one = ground.data(["chess"])
    assert {p.context for p in (*one.search, *one.select) if p.axis == "race"} == {"chess"}
    assert all((p.group_a, p.group_b) == ("black", "white") for p in ground.probes)
    items = of_names(loaded.tokenizer, ("chess",), tmp_path / "text.txt", items=True)
    assert items.contexts == ("club game", "blitz game", "team match")
    with pytest.raises(UserError, match="1 scenario"):
        of_names(loaded.tokenizer, (), tmp_path / "text.txt", items=True)


@pytest.mark.wide
def test_names_are_compared_by_one_axis_and_pairs_by_those_asked_for(tmp_path):
    tokenizer, text = planted.tokenizer(), planted.write_text(tmp_path / "text.txt")
    by_gender = of_names(tokenizer, ["chess", "finance"], text, axes=["gender"])
    assert {(p.axis, p.group_a, p.group_b) for p in by_gender.probes} == {("gender", "men", "women")}
    assert by_gender.ruler.axis == "gender"
    assert {(p.group_a, p.group_b) for p in of_names(tokenizer, ["chess"], text).probes} == {("black", "white")}
    with pytest.raises(UserError, match="by race or by gender; got race, gender; mend --axis"):
        of_names(tokenizer, (), text, axes=["race", "gender"])
    pairs = of_probes(tokenizer, (), None, text, ["religion"])
    assert {p.axis for p in pairs.probes} == {"religion"} and set(pairs.contexts) == set(USED)
    with pytest.raises(UserError, match="'height' has none; mend --axis"):
        of_probes(tokenizer, (), None, text, ["height"])


def test_own_probes_need_pairs_in_every_split(tmp_path):
    tokenizer, own = planted.tokenizer(), tmp_path / "own.jsonl"
    own.write_text('{"text_a": "He was", "text_b": "She was", "axis": "gender", "context": "lending"}\n')
    with pytest.raises(UserError, match="2 contexts"):
        of_probes(tokenizer, (), own, planted.write_text(tmp_path / "text.txt"))
    with pytest.raises(UserError, match="2 contexts"):  # before the folder: the mended command must find none
        transfer(planted.loaded(planted.planted_model()), Asked(METHODS, probes=own), tmp_path / "out")
    with pytest.raises(UserError, match="report.json cannot be read"):  # before any row is made
        transfer(planted.loaded(planted.planted_model()), Asked(METHODS, probes=own), tmp_path / "out", tmp_path / "no")
    assert not (tmp_path / "out").exists()


def test_the_use_case_of_a_repair_is_named():
    made_ = fake.report()
    assert use_case(replace(made_, settings=None)) == ""
    said = use_case(replace(made_, settings={"contexts": ["lending"]}))
    assert said.startswith("Made for one use case: lending.")
    page = card.render(replace(made_, settings={"contexts": ["lending"]}))
    assert "Made for one use case: lending" in page


def test_a_repair_for_one_context_has_a_figure_of_all_others():
    probes = [replace(p, split="held_out") for p in planted.shipped() if p.context in CONTEXTS][:90]
    before = np.ones(len(probes))
    after = np.array([0.2 if p.context == "lending" else 0.9 for p in probes])
    found = bias_figures(Bias(probes, before, after), details=True, contexts=("lending",))
    shares = {f.context: f.change.relative for f in found if f.axis == "all" and f.context != "all"}
    assert shares["lending"] == pytest.approx(-0.8) and shares["elsewhere"] == pytest.approx(-0.1)
    figures_ = tuple(bias_figures(Bias(probes, before, after), details=True, contexts=("lending",)))
    said = use_case(replace(fake.report(figures_), settings={"contexts": ["lending"]}))
    assert "lending -80 %" in said and "elsewhere -10 %" in said
    assert "elsewhere" not in {f.context for f in bias_figures(Bias(probes, before, after), details=True)}


def test_the_command_asks_and_answers(monkeypatch, tmp_path):
    asked = []

    def fake(loaded, what, out, run, show):
        asked.append((what, out, run))
        return {"cells": [], "rows": [], "sentences": {}, "kept": {}, "base": {}, "unit": "SD"}

    monkeypatch.setattr(fairhub.studies.transfer.command, "transfer", fake)
    monkeypatch.setattr("fairhub.commands.transfer.loaded", lambda *_: None)
    line = ["transfer", "--names", "--context", "chess", "--methods", "robust,fasp", "--out", str(tmp_path), "--json"]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.output
    what, out, run = asked[0]
    assert (what.methods, what.contexts, what.names, out, run) == (("robust", "fasp"), ("chess",), True, tmp_path, None)
    assert json.loads(done.stdout)["cells"] == []
    refused = CliRunner().invoke(app, [*line, "--variant", "q=0.1"]).exception
    assert isinstance(refused, UserError) and "leave --variant out" in str(refused) and len(asked) == 1


def test_a_published_matrix_names_no_folder_of_its_maker():
    found = fake.transfer() | {"asked": {"probes": "/somewhere/of/mine/own.jsonl"}}
    shown = _elsewhere(fake.report(transfer=found))
    assert shown.transfer is not None and shown.transfer["asked"] == {"probes": "own.jsonl"}
