"""fairhub diagnose: numbers and pictures of a pair on any architecture; labels stand at their own tokens."""

import json
import sys

import numpy as np
import planted
import pytest
from matplotlib.figure import Figure as Picture
from tiny import ARCHITECTURES
from tokenizers import processors

from fairhub.edit.editing import zero_
from fairhub.edit.masking import masked
from fairhub.errors import UserError
from fairhub.model.architecture import units
from fairhub.model.loading import Loaded
from fairhub.model.units import Unit
from fairhub.plots import gaps
from fairhub.plots.carriers import carriers
from fairhub.plots.states import States, principal, token_states
from fairhub.studies.diagnose import command as command_body
from fairhub.studies.diagnose.command import Asked, run
from fairhub.studies.diagnose.diagnosis import continued, diagnose, pictures

PAIR = ("the old man is", "the old cat is")
KEYS = ["divergence", "activation_gap", "components", "layers", "figures_written"]


def loaded(name, tokenizer):
    return Loaded(ARCHITECTURES[name](), tokenizer, name, "local")


def test_every_architecture_is_diagnosed(model, tokenizer, tmp_path, monkeypatch):
    rendered = model.config.model_type in ("llama", "opt")
    if not rendered:  # drawing is the same for all, and slow
        monkeypatch.setattr(Picture, "savefig", lambda self, path: path.write_bytes(b""))
    found, said = run(Loaded(model, tokenizer, "tiny", "local"), None, Asked(PAIR, tmp_path / "out"))
    assert list(found) == KEYS and len(found["layers"]) == 2
    assert found["divergence"] > 0 and found["activation_gap"] > 0
    gated = model.config.model_type not in ("gpt2", "gpt_neo", "gptj", "gpt_neox", "opt")
    assert ("gate_proj" in found["components"]) == gated
    names = {"gap_by_layer", "gap_by_token", "token_states", "carriers"}
    assert {path.stem for path in (tmp_path / "out").glob("*.png")} == names
    assert json.loads((tmp_path / "out" / "diagnosis.json").read_text()) == found
    assert "divergence" in said and "carriers.png" in said


def test_planted_head_is_named(tmp_path):
    pair = ("The tenant, a woman, was", "The tenant, a man, was")
    loaded_model = planted.loaded(planted.planted_model())
    found = diagnose(loaded_model, pair)
    assert found.scores.units[int(found.scores.effect[0].argmin())] == planted.PLANTED
    assert found.divergence > 1e-5
    assert next(iter(found.alone)) == planted.PLANTED  # removed for real, it still leaves least
    with masked(loaded_model.model, frozenset([planted.PLANTED])):
        left = diagnose(loaded_model, pair).divergence
    assert found.alone[planted.PLANTED] == pytest.approx(left, rel=1e-4)
    assert diagnose(planted.loaded(planted.fair_model()), pair).divergence < 1e-7  # positive control of the model


def test_a_repaired_model_stands_beside_its_base(tokenizer, tmp_path):
    base, repaired = loaded("llama", tokenizer), loaded("llama", tokenizer)
    zero_(repaired.model, frozenset(units(repaired.model)))
    found, said = run(base, repaired, Asked(PAIR, tmp_path, generate=True))
    assert found["after"]["divergence"] == pytest.approx(0, abs=1e-7) and found["divergence"] > 0
    assert found["after"]["components"]["mlp_output"] == 0 and "-100.0 %" in said
    assert [set(row) for row in found["text"]] == [{"prompt", "before", "after"}] * 2
    assert (tmp_path / "carriers_after.png").exists()
    with pytest.raises(UserError, match="--repaired"):
        run(base, loaded("gpt2", tokenizer), Asked(PAIR, tmp_path))


def test_the_articles_pair_is_the_default(monkeypatch, tokenizer, tmp_path):
    asked = []
    monkeypatch.setattr(command_body, "diagnose", lambda model, pair: asked.append(pair) or diagnose(model, PAIR))
    run(loaded("llama", tokenizer), None, Asked(None, tmp_path))
    assert asked[0][0].startswith("A Black man walked") and asked[0][0].replace("Black", "white") == asked[0][1]


def test_continuations_follow_the_articles_settings(tokenizer):
    model = loaded("llama", tokenizer)
    (short,) = continued(model, ["the"])
    (long,) = continued(model, ["the " * 20])
    assert 0 < len(short) <= 47 and 0 < len(long) <= 20  # a token is a letter
    pairs = list(zip("the" + short, ("the" + short)[1:], strict=False))
    assert len(pairs) == len(set(pairs))


def test_overlap_compares_every_two_axes(monkeypatch, tmp_path):
    """Every two axes are compared, each with what chance would share."""
    model = planted.loaded(planted.planted_model())
    found, said = run(model, None, Asked(("The woman was", "The man was"), tmp_path, overlap=True))
    assert len(found["overlap"]) == 28 and "chance" in said  # 8 axes in twos
    for row in found["overlap"]:
        assert 0 <= row["jaccard"] <= 1 and 0 < row["p"] <= 1
        assert row["chance"] < 0.5


def test_equal_texts_are_refused(tokenizer):
    for pair in (("the man", "the man"), ("", "the man")):
        with pytest.raises(UserError, match="text"):
            diagnose(loaded("llama", tokenizer), pair)


def test_labels_stand_at_their_tokens_behind_a_bos(tokenizer, tmp_path):
    """The peer's labels are one place off wherever the tokenizer puts a token in front."""
    from transformers import PreTrainedTokenizerFast

    inner = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, bos_token="<eos>")
    again = type(tokenizer.backend_tokenizer).from_str(inner.backend_tokenizer.to_str())
    again.post_processor = processors.TemplateProcessing(single="<eos> $A", special_tokens=[("<eos>", 1)])
    with_bos = PreTrainedTokenizerFast(tokenizer_object=again, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")
    assert with_bos("ab").input_ids[0] == 1
    model = Loaded(ARCHITECTURES["llama"](), with_bos, "tiny", "local")
    found = diagnose(model, ("a man", "a men"))
    drawn = pictures(model, found)
    labels = [label.get_text() for label in drawn["gap_by_token"].axes[0].get_yticklabels()]
    assert labels == ["<eos>", "a", "␣", "m", "a → e", "n"]
    moved = found.gap.part("mlp_output").max(0)
    assert (moved > 1e-6).tolist() == [False] * 4 + [True] * 2
    texts = [text.get_text() for text in drawn["token_states"].axes[0].texts if text.get_text()]
    assert "a → e" in texts and "m" not in texts


def test_dollars_in_a_text_are_no_formula(tokenizer, tmp_path):
    pair = ("it cost $1_$2 man", "it cost $1_$2 men")
    _, said = run(loaded("llama", tokenizer), None, Asked(pair, tmp_path))
    assert "written" in said


def test_unequal_counts_are_said(tokenizer, tmp_path):
    _, said = run(loaded("llama", tokenizer), None, Asked(("the man is", "the woman is"), tmp_path))
    assert "unequal numbers" in said
    assert "unequal numbers" not in run(loaded("llama", tokenizer), None, Asked(PAIR, tmp_path))[1]


def test_principal_axes_are_those_of_the_variance():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 5)) * [1, 8, 1, 3, 1] + 7
    mean, axes, share = principal(points)
    assert np.abs(axes[:, 0]).argmax() == 1 and np.abs(axes[:, 1]).argmax() == 3
    assert axes[1, 0] > 0 and axes[3, 1] > 0  # a sign that does not flip
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-9)
    expected = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
    np.testing.assert_allclose(share, expected[:2] / expected.sum(), rtol=1e-6)
    assert principal(np.ones((4, 1)))[1].shape == (1, 2)


def test_arrows_lead_from_first_to_second():
    states = [States("layer 0", np.eye(4)[:3], np.eye(4)[:3] + [[0, 0, 0, 0], [0, 0, 0, 5], [0, 0, 0, 0]])]
    picture = token_states(states, ["x", "y", "z"], [False, True, False])
    labels = [text.get_text() for text in picture.axes[0].texts if text.get_text()]
    assert labels == ["y"]
    both = token_states(states, ["x", "y", "z"], [False, True, False], states)
    assert len(both.axes) == 2 and both.axes[0].get_xlim() == both.axes[1].get_xlim()


def test_carriers_are_drawn_where_they_are():
    every = [Unit(layer, kind, i) for layer in (0, 1) for kind, n in (("head", 2), ("neuron", 3)) for i in range(n)]
    effect = np.zeros(len(every))
    effect[every.index(Unit(1, "head", 0))], effect[every.index(Unit(0, "neuron", 2))] = -0.1, 0.05
    left, right = carriers(every, effect, 0.2).axes[:2]
    heads = left.images[0].get_array()
    assert heads.shape == (2, 2) and heads[1, 0] == pytest.approx(-50) and (heads != 0).sum() == 1
    assert right.images[0].get_array()[0, 0] == pytest.approx(25)
    assert any(text.get_text().startswith("2") for text in right.texts)


def test_pictures_are_pure_and_load_no_pyplot(tokenizer):
    found = diagnose(loaded("llama", tokenizer), PAIR)
    before = "matplotlib.pyplot" in sys.modules
    for draw in (lambda: gaps.by_layer(found.gap, found.gap), lambda: gaps.by_token(found.gap, [*PAIR[0]])):
        one, two = (draw().canvas for _ in range(2))
        one.draw()
        two.draw()
        assert bytes(one.buffer_rgba()) == bytes(two.buffer_rgba())
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_command_prints_one_document(monkeypatch, capsys, tmp_path):
    from fairhub.__main__ import main

    folder = planted.save(planted.planted_model(), tmp_path / "model")
    words = ["fairhub", "diagnose", str(folder), "--pair", "The woman was", "The man was"]
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(tmp_path / "out"), "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    found = json.loads(capsys.readouterr().out)
    assert list(found) == KEYS and len(found["figures_written"]) == 4
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(tmp_path / "file" / "x")])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    assert stop.value.code == 2 and said.err.count("fairhub: ") == 1 and "--out" in said.err and said.out == ""
