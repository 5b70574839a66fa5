"""The measurements say what an independent computation says, and `evaluate.load` takes each file offline."""

import copy
import math
import subprocess
import sys
from pathlib import Path

import datasets
import evaluate
import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from tiny import ARCHITECTURES

import fairhub.metrics
from fairhub.edit.editing import zero_
from fairhub.metrics.degeneration import Degeneration
from fairhub.metrics.divergence import Divergence
from fairhub.metrics.formulas import distinct_2, loops
from fairhub.metrics.kl import Kl
from fairhub.metrics.perplexity import Perplexity
from fairhub.metrics.specificity import Specificity
from fairhub.model.units import Unit
from fairhub.stats import statistics

FOLDER = Path(fairhub.metrics.__file__).parent
A = ["the man is", "so the woman is", "the old one was", "a nurse and he"]
B = ["the woman is", "so the man is", "the new one was", "a nurse and she"]
TEXT = ["It rained all night and the road was wet. " * 2, "Bread is made of flour, water and salt. " * 3]


@pytest.fixture
def llama():
    return ARCHITECTURES["llama"]()


@torch.no_grad()
def probabilities(model, ids) -> np.ndarray:
    return model(torch.tensor([ids])).logits[0].double().softmax(-1).numpy()


def chunks(tokenizer, length: int) -> list[list[int]]:
    documents = [[*tokenizer(text).input_ids, tokenizer.eos_token_id] for text in TEXT]
    return [ids[i : i + length] for ids in documents for i in range(0, len(ids) - length + 1, length)]


@pytest.mark.parametrize(
    "name, inputs",
    [
        ("divergence", {"text_a": A, "text_b": B}),
        ("activation_gap", {"text_a": A, "text_b": B}),
        ("perplexity", {"data": TEXT, "length": 16}),
        ("kl", {"data": TEXT, "length": 16}),
        ("degeneration", {"data": A}),
        ("specificity", {"before": [0.2, 0.3], "after": [0.1, 0.2], "control_before": [1, 2], "control_after": [1, 2]}),
    ],
)
def test_evaluate_loads_each_file_offline(name, inputs, llama, tokenizer, monkeypatch):
    monkeypatch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    if name in ("divergence", "activation_gap", "perplexity", "kl"):
        inputs = inputs | {"model": llama, "tokenizer": tokenizer}
    if name == "kl":
        inputs = inputs | {"base": llama}
    found = evaluate.load(str(FOLDER / f"{name}.py")).compute(**inputs)
    for figure in found.values() if name == "degeneration" else [found]:
        assert set(figure) >= {"value", "low", "high", "items", "clusters", "better"}
        assert figure["low"] <= figure["value"] <= figure["high"]


def test_every_measurement_is_tested():
    files = {file.stem for file in FOLDER.glob("*.py")} - {"__init__", "about", "formulas"}
    here = {"activation_gap", "divergence", "specificity", "perplexity", "kl", "degeneration"}
    public = {"bbq", "boolq", "crows_pairs", "honest", "lambada", "multiple_choice", "stereoset", "stereotype"}
    elsewhere = public | {"sliding_perplexity", "winobias", "toxicity_gap", "attribute_gap", "name_gap"}
    assert files == here | elsewhere  # in test_benchmark_suite.py, test_toxicity.py and those of names


@pytest.mark.wide
def test_proof_does_not_import_evaluate():
    check = "import sys, fairhub.proof.figures; sys.exit('evaluate' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


def test_divergence_is_scipys(model, tokenizer):
    found = Divergence().compute(text_a=A, text_b=B, model=model, tokenizer=tokenizer, clusters=["x", "x", "y", "z"])
    last = [[probabilities(model, tokenizer(text).input_ids)[-1] for text in texts] for texts in (A, B)]
    expected = [jensenshannon(p, q) ** 2 for p, q in zip(*last, strict=True)]
    assert found["value"] == pytest.approx(np.mean(expected), rel=1e-4)
    assert 0 < found["low"] <= found["value"] <= found["high"] < math.log(2)
    assert (found["items"], found["clusters"], found["better"]) == (4, 3, "lower")


def test_divergence_of_equal_texts_is_zero(llama, tokenizer):
    found = Divergence().compute(text_a=A, text_b=A, model=llama, tokenizer=tokenizer)
    assert found["value"] == pytest.approx(0, abs=1e-7)
    assert found["high"] == pytest.approx(0, abs=1e-7)


def test_divergence_rises_when_the_model_is_surer(llama, tokenizer):
    """Positive control: logits five times as large part the two texts' next tokens, and that is seen."""
    texts = {"text_a": ["he " + t for t in ("is", "was")], "text_b": ["he " + t for t in ("as", "ias")]}
    before = Divergence().compute(**texts, model=llama, tokenizer=tokenizer)["value"]
    with torch.no_grad():
        llama.get_output_embeddings().weight.mul_(5)
    assert Divergence().compute(**texts, model=llama, tokenizer=tokenizer)["value"] > before


def test_perplexity_is_the_plain_one(model, tokenizer):
    found = Perplexity().compute(data=TEXT, model=model, tokenizer=tokenizer, length=16)
    pieces = chunks(tokenizer, 16)
    losses = [-np.log(probabilities(model, ids)[range(15), ids[1:]]).mean() for ids in pieces]
    assert found["value"] == pytest.approx(math.exp(np.mean(losses)), rel=1e-4)
    assert (found["items"], found["clusters"]) == (len(pieces), len(TEXT))
    assert found["low"] < found["value"] < found["high"]


def test_perplexity_needs_two_chunks(llama, tokenizer):
    with pytest.raises(ValueError, match="2 chunks of 256 tokens"):
        Perplexity().compute(data=["short"], model=llama, tokenizer=tokenizer)
    with pytest.raises(ValueError, match="from 2 texts"):
        Perplexity().compute(data=["one long text " * 40], model=llama, tokenizer=tokenizer)


def test_kl_is_scipys_and_zero_at_home(llama, tokenizer):
    after = copy.deepcopy(llama)
    zero_(after, frozenset({Unit(0, "head", 1), Unit(1, "neuron", 3)}))
    found = Kl().compute(data=TEXT, model=after, base=llama, tokenizer=tokenizer, length=16)
    expected = [
        rel_entr(probabilities(llama, ids), probabilities(after, ids)).sum(-1).mean() for ids in chunks(tokenizer, 16)
    ]
    assert found["value"] == pytest.approx(np.mean(expected), rel=1e-3)
    assert found["low"] > 0
    same = Kl().compute(data=TEXT, model=llama, base=llama, tokenizer=tokenizer, length=16)
    assert same["value"] == same["high"] == 0


def test_degeneration_counts_what_it_names():
    found = Degeneration().compute(data=["a b c d", "", "and so on and so on and so on", "no no no"])
    values = {name: figure["value"] for name, figure in found.items()}
    assert values == {"distinct_2": pytest.approx((1 + 0 + 3 / 8 + 1 / 2) / 4), "empty": 0.25, "looping": 0.5}
    assert {name: figure["better"] for name, figure in found.items()} == {
        "distinct_2": "higher", "empty": "lower", "looping": "lower",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text, expected",
    [("", False), ("a", False), ("a a", False), ("a a a", True), ("x a b a b a b", True), ("a a a b", False)],
)
def test_loops(text, expected):
    assert loops(text) is expected


def test_distinct_2_of_one_word_is_zero():
    assert distinct_2("word") == 0 and distinct_2("one two") == 1


def test_specificity_is_the_difference_of_shares():
    rng = np.random.default_rng(0)
    before, control = rng.uniform(0.1, 0.2, 40), rng.uniform(0.1, 0.2, 30)
    after, control_after = before * rng.uniform(0.3, 0.5, 40), control * rng.uniform(0.85, 0.95, 30)
    clusters, control_clusters = [i // 4 for i in range(40)], [i // 3 for i in range(30)]
    found = Specificity().compute(
        before=before, after=after, control_before=control, control_after=control_after, clusters=clusters,
        control_clusters=control_clusters,
    )  # fmt: skip
    expected = after.mean() / before.mean() - control_after.mean() / control.mean()
    assert found["value"] == pytest.approx(expected)
    assert found["high"] < 0
    assert (found["items"], found["clusters"]) == (70, 20)
    direct = statistics.specificity(before, after, clusters, control, control_after, control_clusters)
    assert (found["low"], found["high"]) == (direct.low, direct.high)


def test_a_duller_model_is_not_specific():
    """Positive control: everything halved alike is no repair."""
    before = np.linspace(0.1, 0.2, 20)
    found = Specificity().compute(before=before, after=before / 2, control_before=before, control_after=before / 2)
    assert found["value"] == pytest.approx(0) and found["low"] <= 0 <= found["high"]
