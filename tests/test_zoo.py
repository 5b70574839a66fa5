"""Architectures by evidence: heads and neurons of 49 kinds of models are found, proved, and removed as in any other."""

from pathlib import Path

import numpy as np
import pytest
import torch
from surgical import TOKENS, logits, reloaded, snapshot, unchanged
from tiny import ARCHITECTURES, LLAMA
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel
from wide import wide_but
from zoo import ZOO

from fairhub.compute.engine import Engine, token_loss
from fairhub.edit.editing import zero_
from fairhub.edit.healing import patched
from fairhub.edit.masking import masked
from fairhub.errors import UserError
from fairhub.inputs.batches import text_batches
from fairhub.methods.erasure import Item, sweep
from fairhub.model.architecture import decoder_layers, layout_of, mlps, sites
from fairhub.model.attention import head_norms
from fairhub.model.checking import check
from fairhub.model.finding import Layout
from fairhub.model.units import Unit

EVERY = {**ARCHITECTURES, **ZOO}
PAGE = Path(__file__).parent.parent / "docs" / "models.md"
WITH_EXPERTS = {"gpt_oss", "granitemoe", "mixtral", "olmoe", "qwen2_moe", "qwen3_moe"}
_LLAMA = Layout(
    "model.layers", "self_attn.o_proj", "mlp.down_proj", ("mlp.gate_proj", "mlp.up_proj"), "intermediate_size", 1,
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), "input_layernorm",
)  # fmt: skip
KNOWN = {
    "llama": _LLAMA,
    "gemma3": _LLAMA,
    "phi3": Layout(
        "model.layers", "self_attn.o_proj", "mlp.down_proj", ("mlp.gate_up_proj",), "intermediate_size", 2,
        ("self_attn.qkv_proj",), "input_layernorm",
    ),
    "gpt2": Layout("transformer.h", "attn.c_proj", "mlp.c_proj", ("mlp.c_fc",), "n_inner", 1, ("attn.c_attn",), "ln_1"),
    "gpt_neo": Layout(
        "transformer.h", "attn.attention.out_proj", "mlp.c_proj", ("mlp.c_fc",), "intermediate_size", 1,
        tuple(f"attn.attention.{part}_proj" for part in "qkv"), "ln_1",
    ),
    "gpt_neox": Layout(
        "gpt_neox.layers", "attention.dense", "mlp.dense_4h_to_h", ("mlp.dense_h_to_4h",), "intermediate_size", 1,
        ("attention.query_key_value",), "input_layernorm",
    ),
    "opt": Layout(
        "model.decoder.layers", "self_attn.out_proj", "fc2", ("fc1",), "ffn_dim", 1,
        tuple(f"self_attn.{part}_proj" for part in "qkv"), "self_attn_layer_norm",
    ),
}  # fmt: skip


def test_there_are_many() -> None:
    assert len({build_().config.model_type for build_ in EVERY.values()}) >= 45


def test_the_page_of_models_says_which_were_checked() -> None:
    rows = {
        line.split("`")[1]: line
        for line in PAGE.read_text().splitlines()
        if line.startswith("| `") and "model_type" not in line
    }
    models = {model.config.model_type: model for model in (make() for make in EVERY.values())}
    assert rows.keys() == models.keys()
    assert {name for name, line in rows.items() if "in experts" in line} == WITH_EXPERTS
    assert all(("| yes |" in rows[name].split("MLP")[0]) for name in models)


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_found_is_what_is_known(name: str) -> None:
    assert layout_of(ARCHITECTURES[name]()) == KNOWN[name]


@pytest.mark.parametrize("name", wide_but(EVERY, "llama", "gpt2", "phi3", "bloom", "mixtral", "falcon"))
def test_units_are_found_proved_and_removed(name: str, tmp_path) -> None:
    """Laws 1, 2, 3 and 10: masked is zeroed, the model comes back, one run is many, and stock transformers loads it."""
    model = EVERY[name]()
    check(model)
    places = sites(model)
    kinds = {place.kind for place in places}
    assert kinds == ({"head"} if name in WITH_EXPERTS else {"head", "neuron"})
    pruning = frozenset({Unit(0, "head", 1), Unit(1, "head", 0)})
    if "neuron" in kinds:
        pruning |= {Unit(0, "neuron", 5), Unit(1, "neuron", 7)}
    before, kept = logits(model), snapshot(model)
    with masked(model, pruning):
        masked_logits = logits(model)
    assert unchanged(model, kept) and torch.equal(logits(model), before)
    assert float((masked_logits - before).abs().max()) > 1e-4
    batches = text_batches(TOKENS)
    values = Engine(model, batches, token_loss, candidates=2).values([frozenset(), pruning])
    zero_(model, pruning)
    torch.testing.assert_close(logits(model), masked_logits, atol=1e-5, rtol=1e-5)
    again = Engine(model, batches, token_loss, cache_bytes=0).values([frozenset()])
    np.testing.assert_allclose(values[1], again[0], rtol=2e-4, atol=1e-6)
    assert abs(values[1] - values[0]).max() > 1e-6
    torch.testing.assert_close(logits(reloaded(model, tmp_path / "saved")), masked_logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", wide_but(EVERY, "llama", "gpt2", "phi3", "bloom", "mixtral", "falcon"))
def test_what_the_default_method_reads_of_attention_is_what_an_edit_does(name: str) -> None:
    """Gradients of the sweep against finite steps of every attention output: parallel, normed after, shared or not."""
    model, contrast = EVERY[name](), np.array([1.0, -1.0])
    item = Item((11,), "judged", "gender", "women", 0, (5, 9), contrast)  # one token: an edit acts at every one
    seen = dict(sweep(model, [item], torch.arange(32).reshape(1, 32) + 3))
    noise = torch.Generator().manual_seed(0)

    def read() -> float:
        said = model(torch.tensor([item.ids])).logits[0, -1].double()
        return float(said[5] - said[9])

    with torch.inference_mode():
        for site in (site for site in sites(model) if site.kind == "head"):
            key, weight = (site.layer, site.kind), site.weight.detach().clone()
            step = 3e-3 * torch.randn(weight.shape, generator=noise)
            expected = float(seen[key].gradients[0] @ step.numpy() @ seen[key].inputs[0])
            moved = []
            for sign in (1, -1):
                with patched(model, {key: weight + sign * step}):
                    moved.append(read())
            assert (moved[0] - moved[1]) / 2 == pytest.approx(expected, rel=0.05, abs=2e-5)


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "bloom", "persimmon", "phi3", "llama", "falcon"])
def test_one_matrix_of_queries_keys_and_values_is_told_apart(name: str) -> None:
    """The norm of a head falls to that of its keys, values and outputs where its queries are zero, and no other's."""
    model = EVERY[name]()
    site, before = sites(model)[0], head_norms(model)[0]
    names = layout_of(model).qkv
    weight = decoder_layers(model)[0].get_submodule(names[0]).weight
    rows = weight.T if type(decoder_layers(model)[0].get_submodule(names[0])).__name__ == "Conv1D" else weight
    by_head = name in ("gpt_neox", "bloom", "persimmon")
    begin = 2 * site.width * (3 if by_head else 1)
    with torch.no_grad():
        rows[begin : begin + site.width] = 0
    fell = [number for number, (a, b) in enumerate(zip(before, head_norms(model)[0], strict=True)) if b < a - 1e-6]
    assert fell == [2]


class Wrong:
    """Makes one kind of fault in a model or in what was found of it."""

    @staticmethod
    def head_width(model: PreTrainedModel) -> None:
        model.config.num_attention_heads *= 2  # the config says so; the attention was built with half as many

    @staticmethod
    def wide_heads(model: PreTrainedModel) -> None:
        model.config.num_attention_heads //= 2

    @staticmethod
    def order_of_heads(model: PreTrainedModel) -> None:
        for layer in decoder_layers(model):  # columns of all heads in turn: right for a model that was built so
            layer.self_attn.o_proj.register_forward_pre_hook(
                lambda module, args: (args[0].unflatten(-1, (4, -1)).transpose(-1, -2).flatten(-2),), prepend=True
            )

    @staticmethod
    def transposed(model: PreTrainedModel) -> None:
        class Transposed(nn.Linear):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return nn.functional.linear(x, self.weight.T, self.bias)

        Transposed.__module__ = "transformers.models.made_up"  # as an architecture's own matrix
        for layer in decoder_layers(model):
            old = layer.self_attn.o_proj
            layer.self_attn.o_proj = Transposed(*old.weight.shape, bias=False)

    @staticmethod
    def fused_order(model: PreTrainedModel) -> None:
        for layer in decoder_layers(model):
            mlp = layer.mlp

            def forward(hidden: torch.Tensor, mlp=mlp) -> torch.Tensor:  # gate and up in turn, row by row
                both = mlp.gate_up_proj(hidden)
                return mlp.down_proj(both[..., 1::2] * mlp.activation_fn(both[..., ::2]))

            mlp.forward = forward

    @staticmethod
    def shared_layer(model: PreTrainedModel) -> None:
        decoder_layers(model)[1].self_attn.o_proj.weight = decoder_layers(model)[0].self_attn.o_proj.weight

    @staticmethod
    def later_tokens(model: PreTrainedModel) -> None:
        for layer in decoder_layers(model):
            layer.register_forward_hook(lambda module, args, output: output + output.mean(1, keepdim=True))


@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [
        ("llama", Wrong.head_width, "8 heads of 4 columns"),
        ("llama", Wrong.wide_heads, "2 heads of 16 columns"),
        ("llama", Wrong.order_of_heads, "4 heads of 8 columns"),
        ("llama", Wrong.transposed, "removing them is not masking them"),
        ("phi3", Wrong.fused_order, "makes neuron i"),
        ("llama", Wrong.shared_layer, "two share one matrix"),
        ("llama", Wrong.later_tokens, "does not see later tokens"),
    ],
)  # fmt: skip
def test_a_wrong_layout_of_every_kind_is_caught(name: str, fault, said: str) -> None:
    model = ARCHITECTURES[name]()
    check(model)  # positive control
    fault(model)
    model.__dict__.pop("_fairhub_layout", None)
    with pytest.raises(UserError, match=said):
        check(model)


def test_a_model_that_fairhub_never_heard_of_is_repaired_or_refused_by_its_reason() -> None:
    class MadeUpConfig(LlamaConfig):
        model_type = "made_up"

    class MadeUpForCausalLM(LlamaForCausalLM):
        config_class = MadeUpConfig

    AutoConfig.register("made_up", MadeUpConfig, exist_ok=True)
    AutoModelForCausalLM.register(MadeUpConfig, MadeUpForCausalLM, exist_ok=True)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(MadeUpConfig(**LLAMA)).eval()
    check(model)
    assert layout_of(model) == _LLAMA and len(sites(model)) == 4
    for layer in model.model.layers:
        layer.self_attn.o_proj = nn.Sequential(nn.Linear(32, 16), nn.Linear(16, 32))  # a low-rank end
    del model.__dict__["_fairhub_layout"]
    with pytest.raises(UserError, match="MadeUpForCausalLM"):
        check(model)


def test_what_needs_neurons_says_why_there_are_none() -> None:
    model = EVERY["mixtral"]()
    with pytest.raises(UserError, match="mixtral has experts; choose a method of heads"):
        mlps(model)
