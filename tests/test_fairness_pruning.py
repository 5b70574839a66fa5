"""Fairness Pruning: scores are the formulas, counts are the article's, the recipe removes what it scored highest."""

import dataclasses

import numpy as np
import planted
import pytest
import torch
import transformers
from capturing import GATED, batch_of
from planted import PLAN, SIZES
from tiny import ARCHITECTURES

import fairhub.pipeline
import fairhub.proof.prover
from fairhub import report
from fairhub.compute.greedy import continuations
from fairhub.edit.editing import parameters_gone, shrink_, zero_
from fairhub.errors import UserError
from fairhub.inputs.batches import text_batches
from fairhub.inputs.probes import Probe
from fairhub.methods.fairness_pruning import Recipe, parsed
from fairhub.methods.hybrid import budgeted, count_of, hybrid, top
from fairhub.methods.importance import importance
from fairhub.methods.neuron_bias import neuron_bias
from fairhub.methods.neuron_scores import oriented
from fairhub.methods.overlap import overlaps
from fairhub.model.architecture import sites, units
from fairhub.model.units import Unit
from fairhub.pipeline import repair
from fairhub.request import Request

PAIRS = (("the old man is", "the old cat is"), ("I saw red kits", "I saw tan kits"))


def text(rows=3, length=20):
    return text_batches(torch.randint(3, 120, (rows, length), generator=torch.Generator().manual_seed(0)), rows=rows)


def test_hybrid_weighs_scaled_bias_against_importance():
    bias = np.array([[0.0, 1.0, 2.0], [0.0, 10.0, 20.0]])
    matter = np.array([[1.0, 1.0, 3.0], [3.0, 2.0, 1.0]])
    np.testing.assert_allclose(hybrid(bias, matter), [[0.5, 0.75, 0.5], [0.0, 0.5, 1.0]])
    np.testing.assert_allclose(hybrid(bias, matter, 1.0), [[0, 0.5, 1], [0, 0.5, 1]])
    np.testing.assert_allclose(hybrid(bias, matter, 1.0, "global"), bias / 20)
    assert np.isfinite(hybrid(np.zeros((1, 3)), np.ones((1, 3)))).all()  # all alike: nothing to scale
    for weight in (-0.1, 1.1, float("nan")):
        with pytest.raises(UserError, match="weight"):
            hybrid(bias, matter, weight)


def test_top_takes_the_same_number_everywhere_or_the_highest_anywhere():
    scores = np.array([[0.1, 0.9, 0.2], [0.95, 0.3, 0.99]])
    assert top(scores, 1) == {Unit(0, "neuron", 1), Unit(1, "neuron", 2)}
    assert top(scores, 1, "global") == {Unit(1, "neuron", 0), Unit(1, "neuron", 2)}
    assert budgeted(scores, [0, 2]) == {Unit(1, "neuron", 0), Unit(1, "neuron", 2)}
    assert top(scores, 1, "layer", [1]) == {Unit(1, "neuron", 2)}
    assert top(scores, 2, "global", [1]) == {Unit(1, "neuron", 0), Unit(1, "neuron", 2)}
    assert top(scores, 1, "global", [0, 1]) == top(scores, 1, "global")


def test_layers_are_all_a_quarter_or_those_asked_for():
    assert [Recipe(layers=text).inside(30) for text in ("all", "first", "second", "third", "last", "20-29", "3-3")] == [
        range(30), range(7), range(7, 15), range(15, 22), range(22, 30), range(20, 30), range(3, 4)
    ]  # fmt: skip
    assert [[*Recipe(layers=text).inside(2)] for text in ("first", "second", "third", "last")] == [[0], [0], [1], [1]]
    for wrong in ("5-4", "0-30"):
        with pytest.raises(UserError, match=r"layers of this model are 0 to 29; .*mend --variant"):
            Recipe(layers=wrong).inside(30)


def test_counts_are_the_articles():
    assert count_of(8192, 2048, percent=0.2) == 16
    assert count_of(1536, 576, percent=0.2) == 3
    assert count_of(8192, 2048, expansion=399) == 8192 - 8171
    assert count_of(8192, 2048, count=5) == 5
    assert Recipe().removed(8192, 2048) == 16 and Recipe().removed(96, 64) == 1
    for wrong in (
        {"percent": 0},
        {"percent": 100},
        {"count": 9000},
        {"expansion": 400},
        {},
        {"count": 1, "percent": 1},
    ):
        with pytest.raises(UserError):
            count_of(8192, 2048, **wrong)


def test_llama_1b_shrinks_as_in_the_article():
    """Shape and number of parameters of Llama-3.2-1B, on a device that holds no numbers."""
    config = transformers.LlamaConfig(
        vocab_size=128256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32,
        num_key_value_heads=8, head_dim=64, tie_word_embeddings=True,
    )  # fmt: skip
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config)
    before = model.num_parameters()
    assert before == 1_235_814_400
    count = Recipe().removed(config.intermediate_size, config.hidden_size)
    gone = frozenset(Unit(layer, "neuron", i) for layer in range(16) for i in range(count))
    assert parameters_gone(model, gone, shrunk=True, multiple=8) == 1_572_864
    assert parameters_gone(model, gone, shrunk=False) == 1_572_864 // 3
    narrow = config.to_dict() | {"intermediate_size": 8192 - count}
    with torch.device("meta"):
        after = transformers.LlamaForCausalLM(transformers.LlamaConfig(**narrow)).num_parameters()
    assert config.intermediate_size - count == 8176
    assert before - after == 1_572_864 and round(100 * (before - after) / before, 3) == 0.127


def test_parameters_gone_are_those_that_shrinking_takes(model):
    """Uneven layers: the fullest decides the width, the others keep zeros."""
    pruning = frozenset(u for u in units(model) if u.kind == "neuron" and u.index < (10 if u.layer else 20))
    total, expected = model.num_parameters(), parameters_gone(model, pruning, shrunk=True, multiple=8)
    assert expected > parameters_gone(model, pruning, shrunk=False) == 30 * 32
    zero_(model, pruning)
    width = shrink_(model, 8)
    zeros = 2 * width - (2 * 48 - 30)  # padding, whose columns are zero but there
    assert width == 40 and total - model.num_parameters() + zeros * 32 == expected


def test_top_of_every_layer_shrinks_to_one_width(tmp_path):
    """What zeroing took is cut out of every layer alike, and stock transformers loads it."""
    fields = {"hidden_size": 8, "intermediate_size": 4096, "num_attention_heads": 2, "num_key_value_heads": 1}
    config = transformers.LlamaConfig(vocab_size=32, num_hidden_layers=2, pad_token_id=0, **fields)
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(config).eval()
    pruning = top(importance(model), count_of(4096, 8, percent=0.2))
    expected = parameters_gone(model, pruning, shrunk=True, multiple=8)
    zero_(model, pruning)
    ids = torch.tensor([[3, 4, 5, 6]])
    before, total = model(ids).logits, model.num_parameters()
    assert shrink_(model, 8) == 4088 == model.config.intermediate_size
    assert total - model.num_parameters() == 2 * 8 * 3 * 8 == expected
    model.save_pretrained(tmp_path)
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(again(ids).logits, before, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "variant, said",
    [
        ("colour=red", "colour"), ("weight=much", "weight"), ("scope=town", "scope"), ("importance=x", "importance"),
        ("bias=x", "bias"), ("heal=perhaps", "heal"), ("count=1.5", "count"), ("layers=middle", "layers"),
    ],
)  # fmt: skip
def test_variants_that_are_none(variant, said):
    with pytest.raises(UserError, match=said):
        parsed(variant)


def test_variants_change_what_they_name():
    assert parsed("") == Recipe() and Recipe().weight == 0.5
    made = parsed("weight=0.8, bias=effect,importance=l2, scope=global, count=4, heal=yes")
    assert made == Recipe("effect", "l2", 0.8, "all", "global", None, 4, None, True)


def test_signs_follow_the_groups_not_the_order():
    def probe(a, b):
        return Probe("x", "y", "race", "", "t", "", "", a, b, "", "", "search")

    signs = oriented([probe("black", "white"), probe("white", "black"), probe("asian", "white")])
    assert [row.tolist() for row in signs.values()] == [[1, -1, 0], [0, 0, 1]]


def test_overlap_of_the_same_and_of_chance():
    rng = np.random.default_rng(0)

    def drawn():
        return frozenset(Unit(layer, "neuron", int(i)) for layer in (0, 5) for i in rng.choice(200, 20, replace=False))

    one, two = drawn(), drawn()
    (same,) = overlaps({"age": one, "race": one}, 200)
    assert same.jaccard == 1 and same.p < 0.001
    chance = [overlaps({"age": drawn(), "race": drawn()}, 200, draws=200)[0] for _ in range(40)]
    assert np.mean([o.jaccard for o in chance]) == pytest.approx(np.mean([o.chance for o in chance]), rel=0.35)
    assert sum(o.p < 0.05 for o in chance) <= 6  # a test of level 5 %
    (apart,) = overlaps({"age": one, "race": frozenset(Unit(9, "neuron", u.index) for u in two)}, 200)
    assert apart.jaccard == apart.chance == 0 and apart.p == 1


@pytest.mark.peer
@pytest.mark.parametrize("name", GATED)
def test_scores_are_the_installed_optipfairs(name, tokenizer):
    bias = pytest.importorskip("optipfair.bias", exc_type=ImportError)
    from optipfair.bias.activations import analyze_neuron_bias, compute_fairness_pruning_scores
    from optipfair.pruning import mlp_glu

    assert bias
    model = ARCHITECTURES[name]()
    theirs = analyze_neuron_bias(model, tokenizer, list(PAIRS), show_progress=False)
    ours = neuron_bias(model, [batch_of(tokenizer, *PAIRS)], "pool_then_diff")
    layer = torch.stack([theirs[f"{part}_proj_layer_1"] for part in ("gate", "up")]).mean(0)
    np.testing.assert_allclose(ours.mean(0)[1], layer, rtol=1e-3, atol=1e-6)
    scores = compute_fairness_pruning_scores(model, theirs, 0.8)
    np.testing.assert_allclose(hybrid(ours.mean(0), importance(model), 0.8)[1], scores[1], rtol=1e-3, atol=1e-5)
    (batch,) = text()
    hooks = mlp_glu.setup_mlp_hooks_for_importance(model, "cpu")
    model(batch.ids)
    for hook in hooks:
        hook.remove()
    mlp = model.model.layers[1].mlp
    weights = [m.weight.detach() for m in (mlp.gate_proj, mlp.up_proj, mlp.down_proj)]
    driven = mlp_glu.compute_neuron_pair_importance_maw_hybrid(*weights, mlp_glu.get_activation_norms()[1])
    np.testing.assert_allclose(importance(model, "data_driven", [batch])[1], driven, rtol=1e-3)


@pytest.fixture
def brief(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("fairhub.inputs.text._hub_answers", lambda: False)
    monkeypatch.setattr(fairhub.proof.prover, "continuations", lambda m, t, p: continuations(m, t, p, tokens=2))
    monkeypatch.setattr(fairhub.pipeline.plots, "save_all", lambda *_: {})
    return planted.write_text(tmp_path / "neutral.txt")


def made(text, folder, **changes):
    plan = dataclasses.replace(PLAN, **changes)
    model = planted.loaded(planted.planted_model())
    return model, repair(model, Request(method="fairness_pruning", text=text, plan=plan, sizes=SIZES), folder)


@pytest.mark.wide
def test_the_recipe_goes_through_the_pipeline(brief, tmp_path):
    loaded, found = made(brief, tmp_path / "run", variant="weight=0.5")
    assert report.read(tmp_path / "run" / "report.json") == found and found.method == "fairness_pruning"
    assert sorted((u["layer"], u["kind"]) for u in found.pruning) == [(0, "neuron"), (1, "neuron")]
    assert found.healing is None
    assert {control.name for control in found.controls} == {"this repair", "random", "importance"}
    assert found.reliability["template_neurons"] > 0.5
    assert found.figure("divergence", "held_out").change is not None
    for site in sites(loaded.model):
        gone = [u["index"] for u in found.pruning if (u["layer"], u["kind"]) == (site.layer, site.kind)]
        assert ((site.weight == 0).all(0).nonzero().flatten().tolist() == gone) or site.kind == "head"


@pytest.mark.wide
def test_variants_and_budgets_go_through_the_pipeline(brief, tmp_path):
    variant = "count=4, bias=effect, scope=layer, weight=1"
    _, found = made(brief, tmp_path / "run", per_layer=True, variant=variant, real_steps=2)
    budgets = found.trace["budgets"]
    assert sum(budgets.values()) == len(found.pruning) <= 8 and set(budgets) == {"0", "1"}
    assert all(number % 4 == 0 for number in budgets.values()) and len(found.trace["energy"]) >= 6
    assert found.trace["best"][-1] <= found.trace["energy"][0]


@pytest.mark.wide
def test_a_shrunk_run_is_loaded_and_counted(brief, tmp_path):
    variant, total = "count=9", planted.planted_model().num_parameters()
    loaded, found = made(brief, tmp_path / "run", shrink=True, multiple=8, variant=variant)
    saved = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model").eval()
    assert saved.config.intermediate_size == 40
    said = "40 of 48, a multiple of 8; 2 of all layers together are zeros that fill up"
    assert found.settings["neurons a layer"] == said
    assert f"neurons a layer: {said}" in " ".join(report.table(found).split()) and said in report.markdown(found)
    taken = total - saved.num_parameters()
    assert found.parameters == {"total": total, "removed": taken + 2 * 32, "share": (taken + 2 * 32) / total}
    ids = torch.randint(3, 1000, (2, 30), generator=torch.Generator().manual_seed(0))
    base = planted.planted_model()
    zero_(base, frozenset(Unit(u["layer"], u["kind"], u["index"]) for u in found.pruning))
    torch.testing.assert_close(saved(ids).logits, base(ids).logits, rtol=1e-4, atol=1e-5)
