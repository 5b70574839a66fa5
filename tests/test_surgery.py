"""Laws of surgery on every architecture: masked is zeroed is reloaded; what is undone leaves no trace."""

import math
from collections.abc import Iterator

import pytest
import torch
import transformers
from conftest import ARCHITECTURES, GEMMA, IDS, LLAMA, SIZES
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer

from fairhub.errors import UserError
from fairhub.surgery import Unit, decoder_layers, gated, masked, shrink_, sites, units, zero_

HEADS = frozenset({Unit(0, "head", 1), Unit(0, "head", 3), Unit(1, "head", 0)})
NEURONS = frozenset({Unit(0, "neuron", 0), Unit(1, "neuron", 7), Unit(1, "neuron", 47)})
PRUNINGS = [HEADS, NEURONS, HEADS | NEURONS]
NOTHING: frozenset[Unit] = frozenset()
TOKENS = torch.randint(3, 128, (2, 12), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def logits(model, tokens=TOKENS):
    return model(tokens).logits


def loss(model):
    return cross_entropy(model(TOKENS).logits[:, :-1].flatten(0, 1), TOKENS[:, 1:].flatten())


def reloaded(model, folder):
    model.save_pretrained(folder)
    again, problems = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(problems.values())
    return again.eval()


def hooks(model) -> Iterator:
    return (hook for module in model.modules() for hook in module._forward_pre_hooks.values())


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def unchanged(model, before):
    after = model.state_dict()
    return before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def name_of(model, module):
    return next(name for name, candidate in model.named_modules() if candidate is module)


# --- law 1: masked, zeroed and reloaded are one model ---


@pytest.mark.parametrize("pruning", PRUNINGS, ids=["heads", "neurons", "both"])
def test_masked_is_zeroed_is_reloaded_bit_for_bit(model, pruning, tmp_path):
    base = logits(model)
    with masked(model, pruning):
        under_mask = logits(model)
    zero_(model, pruning)
    assert torch.equal(under_mask, logits(model))
    assert torch.equal(under_mask, logits(reloaded(model, tmp_path)))
    assert not torch.allclose(under_mask, base, atol=1e-3)


def test_removing_any_unit_changes_the_logits(model):
    tokens = torch.arange(3, 128).view(5, 25)  # all of them: a ReLU of OPT is silent on many
    base = logits(model, tokens)
    for site in sites(model):
        for index in (0, site.count // 2, site.count - 1):
            with masked(model, frozenset({Unit(site.layer, site.kind, index)})):
                assert (logits(model, tokens) - base).abs().max() > 1e-4


def test_generation_with_its_cache_is_the_same_masked_or_zeroed(model):
    base = written(model)
    with masked(model, HEADS | NEURONS):
        under_mask = written(model)
    zero_(model, HEADS | NEURONS)
    assert torch.equal(under_mask, written(model))
    assert not torch.allclose(under_mask, base, atol=1e-3)


def written(model):
    """The logits of eight tokens that the model writes, with its cache."""
    settings = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0, "max_new_tokens": 8}
    out = model.generate(TOKENS, **settings, output_logits=True, return_dict_in_generate=True)
    return torch.stack(out.logits)


def test_half_precision_is_masked_in_its_own_type(model):
    model.bfloat16()
    with masked(model, HEADS | NEURONS):
        under_mask = logits(model)
    zero_(model, HEADS | NEURONS)
    assert under_mask.dtype == torch.bfloat16
    assert torch.equal(under_mask, logits(model))


def test_a_removed_unit_that_overflows_is_still_removed(model):
    site = sites(model)[1]
    inputs = torch.ones(1, 2, site.count)
    inputs[..., 3] = math.inf
    assert not site.module(inputs).isfinite().all()
    with masked(model, frozenset({Unit(0, "neuron", 3)})):
        assert site.module(inputs).isfinite().all()


# --- law 2: nothing in, nothing changed; out of the block, nothing left ---


def test_the_empty_pruning_is_the_identity(model):
    base, before = logits(model), snapshot(model)
    with masked(model, NOTHING):
        assert not list(hooks(model))
        assert torch.equal(logits(model), base)
    zero_(model, NOTHING)
    assert unchanged(model, before)


def test_leaving_masked_restores_the_model(model):
    base, before = logits(model), snapshot(model)
    with masked(model, HEADS, NEURONS):
        assert len(list(hooks(model))) == 6  # four sites, and two layers that check the rows
        assert not torch.equal(logits(model), base)
    assert not list(hooks(model))
    assert unchanged(model, before) and torch.equal(logits(model), base)


@pytest.mark.parametrize("block", [lambda model: masked(model, HEADS), gated], ids=["masked", "gated"])
def test_an_exception_inside_restores_the_model_too(model, block):
    base = logits(model)
    with pytest.raises(ZeroDivisionError), block(model):
        assert list(hooks(model))
        logits(model)
        raise ZeroDivisionError
    assert not list(hooks(model))
    assert torch.equal(logits(model), base)


def test_only_touched_sites_are_hooked(model):
    with masked(model, frozenset({Unit(1, "neuron", 2)})):
        assert [site.module for site in sites(model) if site.module._forward_pre_hooks] == [sites(model)[3].module]


def test_blocks_nest(model):
    with masked(model, HEADS | NEURONS):
        together = logits(model)
    with masked(model, HEADS), masked(model, NEURONS):
        assert torch.equal(logits(model), together)


# --- several prunings in one batch ---


def test_prunings_as_rows_equal_one_run_each(model):
    prunings = [HEADS, NOTHING, NEURONS, HEADS]
    with masked(model, *prunings):
        rows = logits(model, TOKENS.repeat(4, 1)).chunk(4)
    for block, pruning in zip(rows, prunings, strict=True):
        with masked(model, pruning):
            torch.testing.assert_close(block, logits(model), atol=1e-5, rtol=1e-5)
    assert torch.equal(rows[0], rows[3])
    assert not torch.allclose(rows[0], rows[1], atol=1e-3)
    assert not torch.allclose(rows[0], rows[2], atol=1e-3)


def test_rows_that_cannot_be_shared_out_are_refused(model):
    # 3 rows of 2 tokens: OPT flattens them to 6 before its MLP, which two blocks would divide.
    with masked(model, NEURONS, NOTHING), pytest.raises(AssertionError, match="3 rows"):
        logits(model, TOKENS[:1, :2].repeat(3, 1))


# --- gates ---


def test_gates_of_one_change_nothing_and_gates_of_zero_remove(model):
    base = logits(model)
    with masked(model, HEADS | NEURONS):
        pruned = logits(model)
    with gated(model) as gates:
        assert torch.equal(logits(model), base)
        for unit in HEADS | NEURONS:
            gates[unit.layer, unit.kind].data[unit.index] = 0
        torch.testing.assert_close(logits(model), pruned)


def test_gate_gradients_are_finite_differences(model):
    model.double().requires_grad_(False)
    step = 2**-7
    with gated(model) as gates:
        loss(model).backward()
        assert list(gates) == [(site.layer, site.kind) for site in sites(model)]
        for site, gate in zip(sites(model), gates.values(), strict=True):
            assert gate.is_leaf and gate.dtype == torch.float32 and gate.shape == (site.count,)
            index = int(gate.grad.abs().argmax())
            with torch.no_grad():
                gate[index] += step
                above = loss(model)
                gate[index] -= 2 * step
                below = loss(model)
                gate[index] += step
            assert gate.grad[index].abs() > 1e-3
            assert math.isclose(gate.grad[index], (above - below) / (2 * step), rel_tol=0.02)


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


MIXTRAL = LLAMA | {"num_local_experts": 2, "num_experts_per_tok": 1}
UNKNOWN = {
    "bert": ("BertForMaskedLM", IDS | SIZES | {"intermediate_size": 48}),
    "t5": (
        "T5ForConditionalGeneration",
        {"vocab_size": 128, "d_model": 32, "d_ff": 48, "num_layers": 2, "num_heads": 4, "d_kv": 8},
    ),
    "mamba": ("MambaForCausalLM", IDS | {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}),
    "mixtral": ("MixtralForCausalLM", MIXTRAL),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_architectures_are_refused_by_name(name):
    class_name, fields = UNKNOWN[name]
    model_class = getattr(transformers, class_name)
    model = model_class(model_class.config_class(**fields))
    before = snapshot(model)
    for verb in VERBS:
        with pytest.raises(UserError, match=f"got '{name}'; use one of .*llama"):
            verb(model)
    assert unchanged(model, before) and not list(hooks(model))


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
    with pytest.raises(UserError, match="2 decoder layers .* has 1"):
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
    assert shrink_(model) == 40
    torch.testing.assert_close(logits(reloaded(model, tmp_path)), expected, atol=1e-5, rtol=1e-5)


# --- shrinking ---


def last_neurons(first, second):
    """The last neurons of layer 0, and every other of the first ones of layer 1."""
    of_0 = {Unit(0, "neuron", 47 - index) for index in range(first)}
    return frozenset(of_0 | {Unit(1, "neuron", 2 * index) for index in range(second)})


@pytest.mark.parametrize(("multiple", "width"), [(8, 40), (1, 35), (32, 48)])
def test_a_shrunk_model_is_the_zeroed_one(model, multiple, width, tmp_path):
    base, parameters = logits(model), model.num_parameters()
    zero_(model, last_neurons(13, 20) | HEADS)
    zeroed = logits(model)
    assert not torch.allclose(zeroed, base, atol=1e-3)

    assert shrink_(model, multiple) == width
    again = reloaded(model, tmp_path)
    for smaller in (model, again):
        torch.testing.assert_close(logits(smaller), zeroed, atol=1e-5, rtol=1e-5)
        assert [site.count for site in sites(smaller)] == [4, width, 4, width]
        plain = model.config.model_type in {"gpt2", "gpt_neo", "gptj", "gpt_neox", "opt"}
        per_neuron = 2 * 32 + 1 if plain else 3 * 32  # two columns and a bias, or gate, up and down
        assert parameters - smaller.num_parameters() == 2 * (48 - width) * per_neuron


def test_a_shrunk_model_can_be_pruned_again(model, tmp_path):
    zero_(model, last_neurons(13, 20))
    base = logits(model)
    shrink_(model)
    pruning = frozenset({Unit(0, "neuron", 1), Unit(1, "head", 2)})
    with masked(model, pruning):
        under_mask = logits(model)
    zero_(model, pruning)
    assert torch.equal(under_mask, logits(reloaded(model, tmp_path)))
    assert not torch.allclose(under_mask, base, atol=1e-3)


def test_a_model_without_dead_neurons_is_not_shrunk(model):
    before = snapshot(model)
    zero_(model, HEADS)
    assert shrink_(model, 1) == 48
    assert {name for name, tensor in model.state_dict().items() if tensor.shape != before[name].shape} == set()


def test_a_dead_mlp_keeps_the_smallest_width(model, tmp_path):
    zero_(model, frozenset(unit for unit in units(model) if unit.kind == "neuron"))
    zeroed = logits(model)
    assert shrink_(model) == 8
    torch.testing.assert_close(logits(reloaded(model, tmp_path)), zeroed, atol=1e-5, rtol=1e-5)


def test_the_default_width_of_gpt2_and_its_kin_is_four_times_the_hidden_size(tmp_path):
    for name, field in {"gpt2": "n_inner", "gpt_neo": "intermediate_size", "gptj": "n_inner"}.items():
        config = ARCHITECTURES[name]().config
        setattr(config, field, None)
        model = AutoModelForCausalLM.from_config(config).eval()
        zero_(model, frozenset(Unit(layer, "neuron", 5) for layer in (0, 1)))
        zeroed = logits(model)
        assert shrink_(model, 1) == 127
        assert getattr(config, field) is None or getattr(model.config, field) == 127
        torch.testing.assert_close(logits(reloaded(model, tmp_path / name)), zeroed, atol=1e-5, rtol=1e-5)


def test_a_multiple_below_one_is_refused(model):
    with pytest.raises(UserError, match="got 0"):
        shrink_(model, 0)


# --- the tokenizer that other tests use ---


def test_the_tokenizer_survives_a_save(tokenizer, tmp_path):
    text = "Two  words, isn't it?\n~"
    tokenizer.save_pretrained(tmp_path)
    for each in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        assert each(text).input_ids == [ord(letter) for letter in text]
        assert each.decode(each(text).input_ids) == text
        assert (len(each), each.pad_token_id, each.eos_token_id) == (128, 0, 1)
        assert each("é").input_ids == [each.unk_token_id] == [2]
