"""The papers' bias figure and its likelihood version: gaps by hand, planted insults found, equal models equal."""

import copy
from itertools import product
from pathlib import Path

import datasets
import evaluate
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

import fairhub.inputs.probes.prompts as prompts_module
import fairhub.inputs.text
import fairhub.measure.toxicity
import fairhub.metrics
from fairhub.compute.engine import Engine
from fairhub.errors import UserError
from fairhub.inputs.probes import CONTROL, templates
from fairhub.inputs.probes.prompts import holistic_prompts, probe_prompts
from fairhub.measure.toxicity import LOCAL, classifier, scored
from fairhub.measure.word_odds import NEGATIVE, POSITIVE, Attribute, lexicon, text_batches_of
from fairhub.metrics.attribute_gap import AttributeGap
from fairhub.metrics.toxicity_gap import ToxicityGap
from fairhub.stats.gaps import gap_interval, mean_gap, seed_reliability, sum_gap

FOLDER = Path(fairhub.metrics.__file__).parent
STEMS = [f"{who} {verb}" for who, verb in product(("the", "those", "some"), ("like", "know", "see"))]
GROUPS = ("women", "men", "nuns")
PROMPTS = [f"{stem} {group}" for stem in STEMS for group in GROUPS]
LABELS = [group for _ in STEMS for group in GROUPS]
CLUSTERS = [stem for stem in STEMS for _ in GROUPS]
# A measurement as evaluate's own is: a script that is loaded by its path, and scores `predictions`.
SCRIPT = """
import datasets
import evaluate


class Toxicity(evaluate.Measurement):
    def _info(self):
        return evaluate.MeasurementInfo(
            description="", citation="", inputs_description="",
            features=datasets.Features({"predictions": datasets.Value("string")}),
        )

    def _compute(self, predictions):
        return {"toxicity": [float("stupid" in text) for text in predictions]}
"""


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(fairhub.inputs.text, "_hub_answers", lambda: False)


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    file = tmp_path_factory.mktemp("toxicity") / "toxicity.py"
    file.write_text(SCRIPT)
    return str(file)


@pytest.fixture(scope="module")
def tokenizer():
    said = [*{word for text in PROMPTS for word in text.split()}, *NEGATIVE, *POSITIVE, "."]
    vocabulary = {word: i for i, word in enumerate(("<pad>", "<eos>", "<unk>", *sorted(set(said))))}
    by_word = Tokenizer(models.WordLevel(vocab=vocabulary, unk_token="<unk>"))
    by_word.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=by_word, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")


@pytest.fixture
def model(tokenizer):
    """A table of next words: each follows from the word before it alone, all alike likely."""
    torch.manual_seed(0)
    size = len(tokenizer)
    config = LlamaConfig(
        vocab_size=size, hidden_size=size + -size % 4, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=64, tie_word_embeddings=False, pad_token_id=0, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(torch.eye(*model.get_input_embeddings().weight.shape))
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.lm_head.weight.zero_()
        model.lm_head.weight[:3] = -1  # special tokens are not written
    return model


def follow(model, tokenizer, word, next_word, logit):
    """Let one word follow another by so much more; the embedding's norm is the root of the hidden size."""
    ids = tokenizer.get_vocab()
    scale = model.config.hidden_size**0.5
    model.lm_head.weight[ids[next_word], ids[word]] = logit / scale


def insulting(model, tokenizer):
    planted = copy.deepcopy(model)
    with torch.no_grad():
        follow(planted, tokenizer, "women", "stupid", 5.0)
    return planted


def by_hand(values, groups):
    means = [np.mean([v for v, g in zip(values, groups, strict=True) if g == name]) for name in sorted(set(groups))]
    return sum(abs(m - np.mean(values)) for m in means)


def test_gap_of_three_buckets_by_hand():
    values, groups = np.array([0.1, 0.3, 0.9, 0.2]), ["a", "a", "b", "c"]
    # Means 0.2, 0.9, 0.2; the overall mean is over prompts: 0.375.
    assert float(sum_gap(values, groups)) == pytest.approx(0.175 + 0.525 + 0.175)
    assert float(mean_gap(values, groups)) == pytest.approx((0.175 + 0.525 + 0.175) / 3)
    assert float(sum_gap(values, groups)) == pytest.approx(by_hand(values, groups))
    rows = np.stack([values, np.full(4, 0.5)])
    assert mean_gap(rows, groups) == pytest.approx([0.875 / 3, 0])
    assert float(mean_gap(values, groups, np.array([1, 1, 0, 0]))) == 0  # only a is left
    doubled = mean_gap(np.repeat(values, 2), np.repeat(groups, 2).tolist())
    assert float(mean_gap(values, groups, np.full(4, 2))) == pytest.approx(float(doubled))
    with pytest.raises(UserError, match="2 groups"):
        mean_gap(values, ["all"] * 4)


def test_gap_interval_holds_the_value_and_narrows():
    rng = np.random.default_rng(0)
    groups = ["a", "b"] * 200
    values = rng.normal(size=400) + np.tile([0.5, 0.0], 200)
    few, many = (gap_interval(values[:n], groups[:n], [i // 4 for i in range(n)]) for n in (40, 400))
    assert few.low <= few.value <= few.high and many.low <= many.value <= many.high
    assert many.high - many.low < few.high - few.low
    assert many.low > 0 and many.low < 0.25 < many.high


def test_seed_reliability_tells_signal_from_noise():
    rng = np.random.default_rng(1)
    true = rng.normal(size=60)
    sure = seed_reliability(3 + true + 0.1 * rng.normal(size=(3, 60)))
    noise = seed_reliability(3 + rng.normal(size=(3, 60)))
    assert sure["rank"] > 0.95 and sure["signal"] < 0.2 and sure["sd_relative"] == pytest.approx(0.1 / 3, rel=0.3)
    assert abs(noise["rank"]) < 0.25 and noise["signal"] > 1


def test_prompts_are_holistic_bias(tmp_path):
    prompts = holistic_prompts("gender_and_sex", 8)
    assert {p.group for p in prompts} >= {"binary", "cisgender", "non_binary_or_gnc", "queer", "sex", "transgender"}
    sizes = {group: sum(p.group == group for p in prompts) for group in {p.group for p in prompts}}
    assert set(sizes.values()) == {8}
    assert all("{" not in p.text and " a a" not in p.text for p in prompts)
    assert len({p.template for p in prompts if p.group == "binary"}) == 8  # in turn
    assert holistic_prompts("gender_and_sex", 8) == prompts != holistic_prompts("gender_and_sex", 8, draw=1)
    with pytest.raises(UserError, match="2 buckets"):
        holistic_prompts("religion")  # one bucket
    with pytest.raises(UserError, match="lacks"):
        holistic_prompts(root=tmp_path)


def test_prompts_from_the_generators_table_and_the_hub(tmp_path, monkeypatch):
    rows = [
        f"I'm a {word} person.,{axis},{bucket},I'm {{noun_phrase}}.,{preference}"
        for word, axis, bucket, preference in (
            ("trans", "gender_and_sex", "transgender", "no_data"), ("cis", "gender_and_sex", "cisgender", "no_data"),
            ("rude", "gender_and_sex", "cisgender", "dispreferred"), ("old", "age", "old", "no_data"),
        )
    ]  # fmt: skip
    table = tmp_path / "sentences.csv"
    table.write_text("\n".join(["text,axis,bucket,template,descriptor_preference", *rows]))
    expected = ["I'm a cis person.", "I'm a trans person."]
    assert [p.text for p in holistic_prompts(root=tmp_path)] == expected
    with pytest.raises(UserError, match="2 buckets"):
        holistic_prompts("age", root=tmp_path)
    monkeypatch.setattr(prompts_module, "folder_of", lambda *_: None)  # no package
    with pytest.raises(UserError, match="does not answer"):
        holistic_prompts()
    monkeypatch.setattr(fairhub.inputs.text, "_hub_answers", lambda: True)
    monkeypatch.setattr(prompts_module, "hf_hub_download", lambda *_, **__: str(table))
    assert [p.text for p in holistic_prompts()] == expected
    table.write_text("text,axis\nx,age\n")
    with pytest.raises(UserError, match="bucket"):
        holistic_prompts("age")


def test_prompts_from_probes_are_their_texts_once():
    probes = [p for p in templates() if p.split == "search"][:400]
    prompts = probe_prompts(probes)
    texts = {text for p in probes if p.axis != CONTROL for text in (p.text_a, p.text_b)}
    assert prompts and {p.text for p in prompts} <= texts and len(set(prompts)) == len(prompts)
    for axis in {p.axis for p in prompts}:
        groups = [p.group for p in prompts if p.axis == axis]
        assert len(set(groups)) > 1 and min(groups.count(g) for g in set(groups)) >= 4


def test_planted_insults_show_in_both_figures(model, tokenizer, script):
    asked = {"data": PROMPTS, "groups": LABELS, "clusters": CLUSTERS, "tokenizer": tokenizer}
    fair = ToxicityGap().compute(model=model, tokens=3, toxicity=script, **asked)
    bad = ToxicityGap().compute(model=insulting(model, tokenizer), tokens=3, toxicity=script, **asked)
    assert bad["sum"]["low"] > 0.3 > fair["sum"]["value"]
    assert bad["sum"]["value"] == pytest.approx(3 * bad["mean"]["value"])
    assert bad["toxic_share"]["value"] > fair["toxic_share"]["value"]
    assert (bad["sum"]["items"], bad["sum"]["clusters"], bad["sum"]["better"]) == (27, 9, "lower")
    assert len(bad["seed_sums"]) == 3 and bad["classifier"].startswith("evaluate")
    fair = AttributeGap().compute(model=model, **asked)
    bad = AttributeGap().compute(model=insulting(model, tokenizer), **asked)
    assert fair["sum"]["value"] == pytest.approx(0, abs=1e-6)
    assert bad["mean"]["low"] > 0.1 and bad["sum"]["value"] == pytest.approx(3 * bad["mean"]["value"])


def test_equal_models_differ_by_exactly_nothing(model, tokenizer, script):
    asked = {"data": PROMPTS, "groups": LABELS, "tokenizer": tokenizer, "tokens": 4, "toxicity": script}
    one, two = (ToxicityGap().compute(model=m, **asked) for m in (model, copy.deepcopy(model)))
    assert one == two
    assert ToxicityGap().compute(model=model, **asked | {"seeds": (5, 6, 7)}) != one  # positive control


def test_attribute_is_the_share_of_bad_words(model, tokenizer):
    planted = insulting(model, tokenizer)
    with torch.no_grad():
        planted.lm_head.weight.add_(0.1 * torch.randn_like(planted.lm_head.weight))
    values = Engine(planted, text_batches_of(planted, tokenizer, PROMPTS), Attribute(tokenizer)).values([frozenset()])[
        0
    ]
    bad, good = lexicon(tokenizer)
    for text, value in zip(PROMPTS, values, strict=True):
        with torch.no_grad():
            p = planted(torch.tensor([tokenizer(text).input_ids])).logits[0, -1].double().softmax(-1)
        assert value == pytest.approx(float(p[bad].sum() / p[bad + good].sum()), rel=1e-4)


def test_lexicon_wants_words(tokenizer):
    bad, good = lexicon(tokenizer)
    assert len(bad) == len(set(NEGATIVE)) and len(good) == len(set(POSITIVE)) and not set(bad) & set(good)
    letters = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>")),
                                      unk_token="<unk>")  # fmt: skip
    with pytest.raises(UserError, match="judgement words"):
        lexicon(letters)


def test_whole_texts_are_scored_as_fasp_does():
    seen = []
    by = fairhub.measure.toxicity.Classifier("spy", lambda texts: seen.append(list(texts)) or np.zeros(len(texts)))
    scored([" A\nb"], ["I'm Bad."], by)
    scored([" A\nb"], ["I'm Bad."], by, whole=True)
    assert seen == [[" A\nb"], ["i'm bad. a b"]]


def test_local_classifier_gives_its_numbers_without_warnings():
    pytest.importorskip("profanity_check")
    by = classifier()
    assert by.name.startswith(LOCAL) and by.name[-1].isdigit()
    known = {"have a nice day": 0.058447, "she is a criminal and a thief": 0.364934, "they are lazy": 0.674184}
    assert by.score(list(known)) == pytest.approx(list(known.values()), abs=1e-5)


def test_which_classifier_was_fallen_back_to_is_said_once(monkeypatch, capfd):
    pytest.importorskip("profanity_check")
    fairhub.measure.toxicity._say.cache_clear()
    monkeypatch.setattr(fairhub.measure.toxicity.text_, "hub_answers", lambda: False)
    by, again = classifier(), classifier()
    assert by.stated == again.stated == f"{by.name} (evaluate's was not asked for, as the Hub cannot be reached)"
    said = capfd.readouterr()
    assert said.err == f"fairhub: toxicity is scored by {by.stated}\n" and not said.out  # once; stdout may be JSON
    assert classifier(LOCAL).stated == by.name  # asked for by name, it stands in for nothing
    assert not capfd.readouterr().err


def test_a_measurement_that_fails_is_named_with_its_reason(monkeypatch):
    pytest.importorskip("profanity_check")

    def broken(name):
        raise UserError("no such weights")

    monkeypatch.setattr(fairhub.measure.toxicity.text_, "hub_answers", lambda: True)
    monkeypatch.setattr(fairhub.measure.toxicity, "_measurement", broken)
    assert "evaluate's cannot be had: no such weights" in classifier().stated


def test_a_classifier_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "profanity_check", None)
    with pytest.raises(UserError, match=r"fairhub\[toxicity\]"):
        classifier()
    with pytest.raises(UserError, match="nowhere"):
        classifier(str(tmp_path / "nowhere.py"))


@pytest.mark.parametrize("name", ["toxicity_gap", "attribute_gap"])
def test_evaluate_loads_each_file_offline(name, model, tokenizer, script):
    more = {"tokens": 2, "toxicity": script} if name == "toxicity_gap" else {}
    found = evaluate.load(str(FOLDER / f"{name}.py")).compute(
        data=PROMPTS, groups=LABELS, model=model, tokenizer=tokenizer, **more
    )
    for figure in (found["sum"], found["mean"]):
        assert set(figure) == {"value", "low", "high", "items", "clusters", "better"}
        assert figure["low"] <= figure["value"] <= figure["high"]
