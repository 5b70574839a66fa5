"""The tally counts what layers compute; the forecast of every method agrees with what its run then counts."""

import json

import planted
import pytest
import torch
from planted import PLAN, SIZES
from safetensors.torch import save_file
from tiny import ARCHITECTURES
from wide import wide_but

from fairhub.compute.engine import Engine
from fairhub.compute.engine.packed import packed_probes
from fairhub.compute.tally import FORWARD, tallied
from fairhub.cost.counts import COUNTED, work_of
from fairhub.cost.hardware import CARDS, Calculated, Measured, shape_of
from fairhub.cost.memory import needed, weights_of, widths_of
from fairhub.cost.plan import as_json, forecast, table
from fairhub.cost.room import divided, room
from fairhub.cost.work import Work
from fairhub.edit.masking import gated
from fairhub.errors import UserError
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.gathering import gather
from fairhub.methods import METHODS, Plan
from fairhub.model.units import Unit
from fairhub.pipeline import task_of
from fairhub.proof.prover import Prover
from fairhub.request import Request
from fairhub.run.folder import Run


def test_forwards_and_backwards_are_counted_and_what_is_skipped_is_not():
    model = planted.planted_model()
    batches = probe_batches(planted.tokenizer(), planted.shipped()[:8])
    tokens = sum(given.tokens for given in packed_probes(model, batches))
    assert tokens < sum(batch.tokens for batch in batches)  # texts that begin alike share it
    with tallied(model) as tally:
        engine = Engine(model, batches)
        engine.values([frozenset()])
        assert tally.tokens == tokens  # the cache is filled, and the base is read off it
        engine.values([frozenset({Unit(1, "head", 0)})])
        assert tally.tokens == 1.5 * tokens  # the second of two layers alone
        assert tally.tokens / tokens == pytest.approx(engine.forwards)
    with tallied(model) as tally, gated(model) as gates:
        logits = model(batches[0].ids, use_cache=False).logits
        torch.autograd.grad(logits.sum(), list(gates.values()))
    assert tally.tokens == 2 * batches[0].tokens and tally.forwards == tally.tokens / FORWARD
    before = tally.tokens
    model(batches[0].ids)
    assert tally.tokens == before


@pytest.fixture(scope="module")
def unbounded(planted_folder, text):
    """The forecast of every method, its search without a bound."""
    return forecast(str(planted_folder), Request(text=text, sizes=SIZES), "cpu", None)


@pytest.mark.parametrize("method", wide_but(("robust", "random"), "robust"))
def test_a_run_counts_what_was_forecast(text, tmp_path, method):
    loaded = planted.loaded(planted.planted_model())
    data = gather((), (), None, text, loaded.tokenizer, SIZES)
    task = task_of(loaded, data, Run(tmp_path / "run", {}, False))
    expected = sum(work.forwards for work in work_of(method, task, data, PLAN))
    with tallied(loaded.model) as tally:
        Prover(loaded, data).everything(METHODS[method](task, PLAN))
    assert tally.forwards == pytest.approx(expected, rel=0.25)


def test_the_forecast_covers_methods_and_machines_and_needs_no_weights_on_cards(unbounded):
    assert {row.method for row in unbounded.rows} == set(COUNTED) <= set(METHODS)
    assert {row.machine for row in unbounded.rows} == {"this machine", *(card.name for card in CARDS)}
    assert all(row.fits and row.seconds > 0 for row in unbounded.rows)
    assert json.loads(json.dumps(as_json(unbounded)))["plan"][0]["method"] == "two_sided"
    assert all(len(line) < 130 for line in table(unbounded).splitlines()[:-2])


def test_bytes_are_read_off_headers_and_what_is_too_large_does_not_fit(planted_folder, tmp_path):
    model = planted.planted_model()
    found = weights_of(str(planted_folder))
    assert (found.parameters, found.bytes) == (model.num_parameters(), 4 * model.num_parameters())
    assert found.as_dtype(torch.bfloat16) == 2 * found.parameters
    save_file({"a": torch.zeros(3, 5, dtype=torch.bfloat16)}, tmp_path / "model.safetensors")
    assert weights_of(str(tmp_path)).bytes == 30
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    with pytest.raises(UserError, match="safetensors"):
        weights_of(str(tmp_path))
    need = needed(found.bytes, widths_of(model.config), 4, SIZES, heavy=True)
    assert found.bytes < need.device < 100 * found.bytes
    large = needed(140 << 30, widths_of(model.config), 2, SIZES, heavy=True)
    assert not any(large.device < card.memory for card in CARDS if card.name != "h200")


def test_room_is_said_before_loading_and_what_cannot_fit_is_refused_with_what_would(planted_folder, monkeypatch):
    said = room(str(planted_folder), "cpu", None, "robust", SIZES)
    assert "should need about" in said and "are free" in said
    monkeypatch.setattr("fairhub.cost.room.free", lambda device: 1000)
    with pytest.raises(UserError, match="must fit in memory.*--dtype bfloat16.*--on-jobs t4-small has room"):
        room(str(planted_folder), "cpu", None, "robust", SIZES)


def test_a_config_alone_is_planned_for(planted_folder, text, tmp_path, unbounded):
    """Without weights the same work is counted; without a tokenizer too, the default's cutting the texts."""
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((planted_folder / name).read_bytes())
    asked = Request(text=text, sizes=SIZES)
    found = forecast(str(tmp_path), asked, "cpu", None)
    assert found.parameters == unbounded.parameters and "there are no weights" in found.measured
    there = {(row.method, row.machine): row for row in unbounded.rows}
    for row in found.rows:
        known = there[row.method, row.machine]
        assert row.forward_equivalents == known.forward_equivalents and row.bytes == known.bytes
        assert row.fits == known.fits and row.seconds == (None if row.machine == "this machine" else known.seconds)
    assert "not measured" in table(found) and "does not fit" not in table(found)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    bare = forecast(str(tmp_path), asked, "cpu", None)
    assert "counted with the tokenizer of" in table(bare) and bare.rows[0].forward_equivalents > 0


def test_what_stays_within_a_budget_and_how_often_the_rest_is_read(planted_folder, text):
    def of(memory):
        found = forecast(str(planted_folder), Request(text=text, sizes=SIZES), "cpu", None, memory=memory)
        assert as_json(found)["resting"][0]["method"] == "two_sided"
        return dict(found.resting)["two_sided"]

    assert (of(1 << 40).sweeps, str(of(1 << 40))) == (0, "all 2 layers stay")
    with pytest.raises(UserError, match="a budget holds what is no layer.*; give that much"):
        of(1000)
    too_small, enough = 1000, 1 << 40
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        try:
            divided(planted.planted_model(), torch.float32, "tiny", middle)
            enough = middle
        except UserError:
            too_small = middle
    tight = of(enough)
    assert tight.stay == 0 and tight.bytes > 0 and tight.sweeps >= 32  # a continuation reads all once a token
    assert "0 of 2 layers stay, the others are read about" in str(tight)


def test_seconds_grow_with_work_and_shrink_with_the_card():
    shape = shape_of(ARCHITECTURES["llama"](), 2)
    work = Work("x", tokens=1e9, calls=10)
    times = {card.name: Calculated(card, shape).seconds(work) for card in CARDS}
    assert times["h200"] < times["a100-large"] < times["l4x1"] < times["t4-small"]
    mine = Measured("this machine", 1 << 30, 1 << 30, call=1.0, token=0.1, logit=0.01, rate=1e9, exact=1e9)
    assert mine.seconds(Work("x", tokens=5, backward=5, logits=5, calls=2, products=1e9, solves=1e9)) == pytest.approx(
        2 + 1.0 + 0.05 + 2
    )


@pytest.mark.wide
def test_a_bound_on_the_search_bounds_its_seconds_alone(unbounded, planted_folder, text):
    def seconds(rows):
        return {(row.method, row.machine): row.seconds for row in rows if row.machine != "this machine"}  # not noise

    asked = Request(text=text, sizes=SIZES, plan=Plan(seconds=1e-9))
    free_, bounded = seconds(unbounded.rows), seconds(forecast(str(planted_folder), asked, "cpu", None).rows)
    shorter = {place[0] for place in free_ if bounded[place] < free_[place]}
    assert shorter == {"robust", "attention_pruning"}
    assert {place[0] for place in free_ if bounded[place] == free_[place]} == set(COUNTED) - shorter
