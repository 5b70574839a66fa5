"""Law 10 on every architecture: heads are query heads, sites are found whole or the model is refused by name."""

import pytest
import torch
import transformers
from surgical import HEADS, NEURONS, NOTHING, hooks, last_neurons, logits, name_of, reloaded, snapshot, unchanged
from tiny import ARCHITECTURES, GEMMA, IDS, LLAMA, SIZES
from torch import nn
from transformers import AutoModelForCausalLM

from fairhub.edit.editing import shrink_, zero_
from fairhub.edit.masking import gated, masked
from fairhub.errors import UserError
from fairhub.model.architecture import decoder_layers, sites, units
from fairhub.model.checking import check
from fairhub.model.units import Unit

# --- law 10: query heads, shared keys and values, known architectures only ---


def query_rows(model, head):
    """The weights that make one query head of layer 0, [head width, hidden], wherever they are kept."""
    width = sites(model)[0].width
    modules = {name.split(".")[-1]: part for name, part in decoder_layers(model)[0].named_modules()}
    if "c_attn" in modules:
        weight, start = modules["c_attn"].weight.T, head * width
    elif "query_key_value" in modules:  # query, key and value of a head lie side by side
        weight, start = modules["query_key_value"].weight, head * 3 * width
    else:
        weight, start = modules.get("q_proj", modules.get("qkv_proj")).weight, head * width
    return weight[start : start + width]


@torch.no_grad()
def test_a_head_is_a_query_head(model):
    site, seen = sites(model)[0], []
    handle = site.module.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    logits(model)
    # Another query direction, not a longer one: Qwen3 and Gemma3 normalise the length away.
    query_rows(model, 2).mul_(torch.tensor([1.0, -2.0]).repeat(site.width // 2)[:, None])
    logits(model)
    handle.remove()
    changed = (seen[0] != seen[1]).flatten(0, -2).any(dim=0).nonzero().flatten()
    assert changed.tolist() == site.columns([2]).tolist()


def test_zeroing_touches_only_the_columns_of_its_units(model):
    before = snapshot(model)
    zero_(model, HEADS | NEURONS)
    touched = {name_of(model, site.module) + ".weight" for site in sites(model)}
    assert {name for name, tensor in model.state_dict().items() if not torch.equal(before[name], tensor)} == touched
    for site in sites(model):
        gone = [unit.index for unit in HEADS | NEURONS if (unit.layer, unit.kind) == (site.layer, site.kind)]
        zeroed = (site.weight == 0).all(dim=0).nonzero().flatten()
        assert zeroed.tolist() == sorted(site.columns(gone).tolist())


def test_shared_keys_and_values_stay():
    for name, shared in {"llama": 2, "llama_mqa": 1, "gemma3": 2}.items():
        model = ARCHITECTURES[name]()
        attention, before = decoder_layers(model)[0].self_attn, snapshot(model)
        assert attention.v_proj.out_features == shared * sites(model)[0].width
        zero_(model, HEADS)
        changed = [name for name, tensor in model.state_dict().items() if not torch.equal(before[name], tensor)]
        assert changed and all(name.endswith("self_attn.o_proj.weight") for name in changed)


UNKNOWN = {
    "t5": (
        "T5ForConditionalGeneration",
        {"vocab_size": 128, "d_model": 32, "d_ff": 48, "num_layers": 2, "num_heads": 4, "d_kv": 8},
    ),
    "mamba": ("MambaForCausalLM", IDS | {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_has_no_decoder_layers_with_attention_is_refused_by_name(name):
    class_name, fields = UNKNOWN[name]
    model_class = getattr(transformers, class_name)
    model = model_class(model_class.config_class(**fields))
    before = snapshot(model)
    for verb in VERBS:
        with pytest.raises(UserError, match=f"one list of 2 decoder layers .*{class_name} .{name}"):
            verb(model)
    assert unchanged(model, before) and not list(hooks(model))


def test_what_sees_later_tokens_is_refused():
    config = transformers.BertConfig(**IDS | SIZES | {"intermediate_size": 48})
    with pytest.raises(UserError, match="does not see later tokens"):
        check(transformers.BertLMHeadModel(config).eval())


VERBS = [
    sites,
    units,
    decoder_layers,
    shrink_,
    lambda model: zero_(model, HEADS),
    lambda model: masked(model, HEADS).__enter__(),
    lambda model: gated(model).__enter__(),
]


class Quantised(nn.Linear):
    """As bitsandbytes does it: a subclass of nn.Linear."""


@pytest.mark.parametrize("kind", [0, 1], ids=["attention", "mlp"])
@pytest.mark.parametrize("change", ["subclass", "size", "type", "missing"])
def test_a_layer_built_otherwise_is_never_half_masked(model, kind, change):
    site = sites(model)[2 + kind]
    features = site.weight.shape[::-1]
    parent, _, name = name_of(model, site.module).rpartition(".")
    if change == "subclass":
        setattr(model.get_submodule(parent), name, Quantised(*features))
    elif change == "size":
        setattr(model.get_submodule(parent), name, nn.Linear(features[0] // 2, features[1]))
    elif change == "type":
        site.module.weight = nn.Parameter(site.module.weight.to(torch.int8), requires_grad=False)
    else:
        delattr(model.get_submodule(parent), name)
    before = snapshot(model)
    for verb in (sites, shrink_, *VERBS[4:]):
        with pytest.raises(UserError, match=f"{model.config.model_type} model must have a plain .*{name}"):
            verb(model)
    assert unchanged(model, before) and not list(hooks(model))


def test_the_bare_model_and_a_missing_layer_are_refused(model):
    bare = getattr(model, model.base_model_prefix)
    with pytest.raises(UserError, match="load it with AutoModelForCausalLM"):
        sites(bare)
    del decoder_layers(model)[1]
    with pytest.raises(UserError, match="2 decoder layers; .* has 1"):
        sites(model)


@pytest.mark.parametrize(
    "unit",
    [
        Unit(2, "head", 0),
        Unit(0, "head", 4),
        Unit(1, "neuron", 48),
        Unit(0, "neuron", -1),
        Unit(-1, "head", 0),
    ],
)
def test_units_that_the_model_does_not_have_are_named(model, unit):
    before = snapshot(model)
    for verb in (zero_, lambda model, pruning: masked(model, NOTHING, pruning).__enter__()):
        with pytest.raises(UserError, match=f"{unit.kind} {unit.index} of layer {unit.layer}"):
            verb(model, HEADS | {unit})
    assert unchanged(model, before) and not list(hooks(model))


def test_offloaded_weights_can_be_masked_but_not_edited(model):
    accelerate = pytest.importorskip("accelerate")
    with masked(model, HEADS | NEURONS):
        expected = logits(model)
    accelerate.cpu_offload(model, execution_device="cpu")
    with masked(model, HEADS | NEURONS), gated(model):
        assert torch.equal(logits(model), expected)
    for edit in (lambda: zero_(model, NEURONS), lambda: shrink_(model)):
        with pytest.raises(UserError, match="offloaded"):
            edit()


# --- sites and units ---


def test_sites_and_units_are_in_order(model):
    found = sites(model)
    assert [(site.layer, site.kind) for site in found] == [
        (0, "head"),
        (0, "neuron"),
        (1, "head"),
        (1, "neuron"),
    ]
    assert [site.count for site in found] == [4, 48, 4, 48]
    assert list(units(model)) == sorted(units(model)) and len(set(units(model))) == 2 * (4 + 48)


def test_a_site_sees_its_weight_and_columns(model):
    for site in sites(model):
        assert site.weight.shape == (32, site.count * site.width)
        assert site.weight.data_ptr() == site.module.weight.data_ptr()
        inputs = torch.randn(3, site.count * site.width)
        bias = 0 if site.module.bias is None else site.module.bias
        torch.testing.assert_close(site.module(inputs), inputs @ site.weight.T + bias)
        every = site.columns(range(site.count))
        assert every.tolist() == list(range(site.count * site.width))
        assert site.columns([2, 0]).tolist() == [*every[2 * site.width :][: site.width], *every[: site.width]]
        assert site.columns([]).tolist() == []


def test_head_width_is_the_configured_one():
    widths = {name: sites(build())[0].width for name, build in ARCHITECTURES.items()}
    wide = {"llama_mqa", "mistral", "qwen3", "gemma2", "gemma3"}
    assert widths == {name: 16 if name in wide else 8 for name in ARCHITECTURES}


def test_one_head_and_one_layer_are_enough():
    config = transformers.LlamaConfig(
        **LLAMA | {"num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1}
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    with masked(model, frozenset({Unit(0, "head", 0)})):
        under_mask = logits(model)
    zero_(model, frozenset({Unit(0, "head", 0)}))
    assert torch.equal(under_mask, logits(model))
    assert not sites(model)[0].weight.any()


def test_the_language_half_of_gemma3_that_also_sees(tmp_path):
    vision = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = transformers.Gemma3Config(
        text_config=GEMMA, vision_config=vision | {"image_size": 28, "patch_size": 14}, mm_tokens_per_image=4
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    base = logits(model)
    with masked(model, HEADS | NEURONS):
        under_mask = logits(model)
    zero_(model, HEADS | NEURONS)
    assert torch.equal(under_mask, logits(model)) and not torch.allclose(under_mask, base, atol=1e-3)
    zero_(model, last_neurons(10, 10))
    expected = logits(model)
    assert shrink_(model, 8) == 40
    torch.testing.assert_close(logits(reloaded(model, tmp_path)), expected, atol=1e-5, rtol=1e-5)
