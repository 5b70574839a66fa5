"""What was measured once is not measured again, and nothing else is ever taken for it."""

from dataclasses import replace

import numpy as np
import planted
import pytest
import torch

from fairhub.compute.tally import tallied
from fairhub.edit.editing import zero_
from fairhub.inputs.sizes import Sizes
from fairhub.methods import Plan
from fairhub.pipeline import audit, repair
from fairhub.request import Request
from fairhub.run import memory as memories
from fairhub.run.memory import Memory

SIZES = Sizes(held_out=12, external=12, control=6, judged=16, traits=8, choices=8, passages=4, held_out_tokens=1024)


@pytest.fixture
def asked(text):
    return Request("audit", ("gender",), text=text, sizes=SIZES)


def audited(loaded, request, folder):
    """Figures, how much was computed for them, and the parts that were remembered."""
    memory = Memory(folder)
    with tallied(loaded.model) as tally:
        figures = audit(loaded, request, memory=memory)
    return figures, tally.forwards, memory.reused


@pytest.mark.wide
def test_a_second_audit_has_the_same_figures_and_computes_nothing(asked, tmp_path):
    loaded = planted.loaded(planted.planted_model())
    first, spent, reused = audited(loaded, asked, tmp_path / "measured")
    assert spent > 0 and not reused and first == audit(loaded, asked)
    second, spent, reused = audited(loaded, asked, tmp_path / "measured")
    assert second == first and spent == 0 and {"kept", "loss", "traits"} <= {*reused}
    assert audited(loaded, asked, None)[1] > 0  # without a folder nothing is remembered


@pytest.mark.wide
def test_another_model_text_or_code_is_measured(asked, tmp_path, monkeypatch):
    folder, model = tmp_path / "measured", planted.planted_model()
    first, *_ = audited(planted.loaded(model), asked, folder)
    wider = replace(asked, sizes=replace(SIZES, held_out_tokens=2048))
    *_, reused = audited(planted.loaded(model), wider, folder)
    assert "loss" not in reused and "kept" in reused  # what is the same is known, the text alone is read
    model.config.rms_norm_eps = 0.5
    assert not audited(planted.loaded(model), asked, folder)[2]
    other = planted.planted_model()
    zero_(other, frozenset({planted.PLANTED}))
    figures, spent, reused = audited(planted.loaded(other), asked, folder)
    assert not reused and spent > 0 and figures != first
    monkeypatch.setattr(memories, "_code", lambda: "another")
    assert not audited(planted.loaded(planted.planted_model()), asked, folder)[2]


@pytest.mark.wide
def test_an_audit_that_was_cut_short_goes_on(asked, tmp_path, monkeypatch):
    loaded, folder = planted.loaded(planted.planted_model()), tmp_path / "measured"

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr("fairhub.proof.prover.keep.read", killed)
        with pytest.raises(KeyboardInterrupt):
            audited(loaded, asked, folder)
    figures, _, reused = audited(loaded, asked, folder)
    assert "traits" in reused and "kept" not in reused and figures == audit(loaded, asked)


def test_a_broken_file_is_measured_again_and_a_folder_that_cannot_be_written_is_none(tmp_path):
    def numbers(folder):
        return Memory(folder).arrays("numbers", (1,), lambda: {"values": np.arange(3)})["values"].tolist()

    assert numbers(tmp_path / "measured") == [0, 1, 2]
    (file,) = (tmp_path / "measured").iterdir()
    for broken in (b"", b"no zip", file.read_bytes()[:-30]):
        file.write_bytes(broken)
        assert numbers(tmp_path / "measured") == [0, 1, 2]
    (tmp_path / "taken").write_text("a file")
    assert numbers(tmp_path / "taken") == [0, 1, 2]


def test_what_was_not_used_for_longest_is_forgotten(tmp_path, monkeypatch):
    drawn = torch.randn(4000, generator=torch.Generator().manual_seed(0)).numpy()
    monkeypatch.setattr(memories, "MOST", 2.5 * drawn.nbytes)

    def kept(number):
        memory = Memory(tmp_path)
        memory.arrays("numbers", (number,), lambda: {"values": drawn + number})
        return bool(memory.reused)

    assert [kept(number) for number in (1, 2, 1, 3)] == [False, False, True, False]
    assert kept(1) and kept(3) and not kept(2)


@pytest.mark.wide
def test_a_second_repair_of_a_model_measures_it_no_more_and_comes_to_the_same(text, tmp_path):
    """What choosing and the proof ask of the model as it is: figures are those of a run without memory."""
    asked = Request("two_sided", text=text, sizes=planted.SIZES, plan=Plan(erasures=(0.1, 1.0)))

    def repaired(name, memory):
        loaded = planted.loaded(planted.planted_model())
        with tallied(loaded.model) as tally:
            report = repair(loaded, asked, tmp_path / name, memory=memory)
        return report, tally.tokens

    alone, spent = repaired("alone", None)
    first, _ = repaired("first", Memory(tmp_path / "measured"))
    memory = Memory(tmp_path / "measured")
    second, less = repaired("second", memory)
    assert {"choosing", "kept", "traits", "judged0", "bias0"} <= {*memory.reused} and less < 0.8 * spent
    for made in (first, second):
        assert made.figures == alone.figures and made.choices == alone.choices and made.controls == alone.controls
