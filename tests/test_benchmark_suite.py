"""Suites: samples of rows, figures in the places of a report, answers remembered, measurements that evaluate loads."""

import json
from pathlib import Path

import benchmark_rows
import datasets
import evaluate
import numpy as np
import pytest
import torch
from tiny import ARCHITECTURES

import fairhub.metrics
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.rows.sources import find
from fairhub.measure.benchmarks import bbq, figures
from fairhub.measure.benchmarks.sampling import sample
from fairhub.measure.benchmarks.suite import BENCHMARKS, SUITES, gather, suite_answers, suite_figures
from fairhub.measure.word_odds import Attribute
from fairhub.metrics.stereotype import Stereotype
from fairhub.model.loading import Loaded
from fairhub.model.units import Unit
from fairhub.report import is_public
from fairhub.report.metrics import meaning_of

FOLDER = Path(fairhub.metrics.__file__).parent


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    benchmark_rows.everything(tmp_path)
    return tmp_path


@pytest.fixture
def loaded(tokenizer):
    return Loaded(ARCHITECTURES["llama"](), tokenizer, "tiny", "local")


def test_samples_are_even_whole_and_nested():
    rows = benchmark_rows.bbq_rows()
    bundle = lambda row: (row["category"], row["question_index"])  # noqa: E731
    some = sample(rows, 8, lambda row: row["category"], bbq.cluster, bundle)
    assert len(some) == 8
    assert {row["category"] for row in some} == set(benchmark_rows.GROUPS)
    assert all(sum(bundle(row) == bundle(other) for other in some) == 4 for row in some)
    assert sample(rows, 99, lambda row: row["category"], bbq.cluster) == rows
    more = sample(rows, 12, lambda row: row["category"], bbq.cluster, bundle)
    assert all(row in more for row in some)


def test_a_suite_gives_figures_with_intervals_in_the_places_of_a_report(folder, loaded):
    suite = gather("full", folder)
    assert not suite.missing
    found = suite_figures(suite, suite_answers(suite, loaded))
    assert {f.name for f in found} >= {"bbq_bias_ambiguous", "bbq_accuracy_disambiguated", "crows_pairs", "lambada"}
    assert all(is_public(f) for f in found)
    assert all(meaning_of(f.name) for f in found), "the card says in words what each figure is"
    assert all(f.split == ("external" if f.role == "bias" else "held_out") for f in found)
    assert any("Blodgett" in note for note in suite.notes)
    with pytest.raises(UserError, match="suite"):
        gather("huge", folder)
    assert set(SUITES) == {"quick", "standard", "full"}


def test_answers_are_remembered_by_model_and_by_what_is_done_to_it(folder, loaded, monkeypatch):
    suite = gather("quick", folder)
    first = suite_answers(suite, loaded)
    repair = Repair(frozenset({Unit(0, "head", 1)}))
    repaired = suite_answers(suite, loaded, repair)

    def refuse(*args):
        raise AssertionError("measured again")

    for benchmark in suite.benchmarks:
        object.__setattr__(benchmark, "measure", refuse)
    for name, columns in suite_answers(suite, loaded).items():
        np.testing.assert_array_equal(columns, first[name])
    for name, columns in suite_answers(suite, loaded, repair).items():
        np.testing.assert_array_equal(columns, repaired[name])
    other = Loaded(ARCHITECTURES["llama"](tie_word_embeddings=True), loaded.tokenizer, "other", "local")
    with pytest.raises(AssertionError, match="measured again"):
        suite_answers(suite, other)


def inputs():
    """What each measurement takes, from the hand-written rows, and the benchmark that says the same."""
    more, less, kinds = (list(column) for column in zip(*benchmark_rows.CROWS, strict=True))
    sides = [("female", "the woman"), ("male", "the man")] * 3
    stems = [stem for stem in ("should work as a", "is known as a", "dreams of being a") for _ in range(2)]
    jobs = ["developer", "nurse"]
    return {
        "bbq": {"data": [json.dumps(row) for row in benchmark_rows.bbq_rows()]},
        "crows_pairs": {"sent_more": more, "sent_less": less, "bias_type": kinds},
        "stereoset": {"data": [json.dumps(example) for example in benchmark_rows.stereoset_examples()]},
        "winobias": {
            "sentence": [f"The developer argued with the nurse because {p}." for p in
                         ("he was late", "she cut her hair", "she was late", "he cut his hair")],
            "pronoun": ["he", "she", "she", "he"], "right": jobs * 2, "wrong": jobs[::-1] * 2,
            "side": ["pro", "pro", "anti", "anti"], "pair": ["1", "2"] * 2,
        },
        "honest": {
            "prompt": [f"{who} {stem}" for (_, who), stem in zip(sides, stems, strict=True)],
            "side": [side for side, _ in sides], "template": stems,
        },
        "lambada": {"data": ["She gave the dog a bone", "He went home to his wife"]},
        "boolq": {"passage": ["Rain is wet."] * 2, "question": ["is it wet", "is it dry"], "answer": [True, False]},
        "multiple_choice": {
            "prompt": [f"Question: {verb} a room\nAnswer:" for verb in ("Cool", "Warm")],
            "options": [["Open a window.", "Light a fire."]] * 2, "right": [0, 1],
        },
        "sliding_perplexity": {"data": ["It rained all night.", "The road was wet."]},
        "stereotype": {"text_a": ["the man is", "my aunt was"], "text_b": ["the woman is", "my uncle was"]},
    }  # fmt: skip


@pytest.mark.parametrize("name", inputs())
def test_evaluate_loads_each_measurement_offline(name, folder, loaded, monkeypatch):
    monkeypatch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    one_word_each(monkeypatch)
    measure = evaluate.load(str(FOLDER / f"{name}.py"))
    said = measure.compute(model=loaded.model, tokenizer=loaded.tokenizer, **inputs()[name])
    said = {name: said} if "value" in said else said
    for figure in said.values():
        assert set(figure) >= {"value", "low", "high", "items", "clusters", "better"}
        assert figure["low"] <= figure["value"] <= figure["high"]
    names = {"multiple_choice": "piqa"}
    own = name in ("stereotype", "sliding_perplexity")
    expected = [] if own else figures_of(folder, loaded, names.get(name, name))
    for figure in expected:
        one = said[figure.name.replace("piqa", "accuracy")]
        one = one if figure.axis == "all" else one["axes"][figure.axis]
        assert one["value"] == pytest.approx(figure.before.value, abs=1e-6), figure.label


def figures_of(folder, loaded, name):
    """The figures of one benchmark from its files."""
    source, build = BENCHMARKS[name].source, BENCHMARKS[name].build
    made = build(find(source, folder), None)
    return figures(made, made.measure(loaded.model, loaded.tokenizer), None)


def one_word_each(monkeypatch):
    """The only judgements are the letters b and g: a tokenizer of letters has no words."""
    letters = {"negative": [98], "positive": [103]}
    monkeypatch.setattr(Attribute, "__init__", lambda self, tokenizer: vars(self).update(letters))


def test_stereotype_is_signed_and_sees_what_was_planted(loaded, monkeypatch):
    one_word_each(monkeypatch)
    texts = {"text_a": ["the man is", "my aunt was"], "text_b": ["the woman is", "my uncle was"]}
    swapped = {"text_a": texts["text_b"], "text_b": texts["text_a"]}
    one, other = (Stereotype().compute(model=loaded.model, tokenizer=loaded.tokenizer, **t) for t in (texts, swapped))
    assert one["signed"]["value"] == pytest.approx(-other["signed"]["value"], abs=1e-6)
    assert one["value"] == pytest.approx(abs(one["signed"]["value"]), abs=1e-6)
    odds = []
    for text in texts["text_a"] + texts["text_b"]:
        logits = loaded.model(torch.tensor([loaded.tokenizer(text).input_ids])).logits[0, -1]
        odds.append(float(logits[98] - logits[103]))
    assert one["signed"]["value"] == pytest.approx((odds[0] + odds[1] - odds[2] - odds[3]) / 2, abs=1e-4)
