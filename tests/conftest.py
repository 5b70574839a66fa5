"""A tiny random model of every listed architecture, and a tokenizer of single characters."""

from functools import partial

import pytest
import torch
import transformers
from hub_server import HubServer
from huggingface_hub import HfApi
from tokenizers import Tokenizer, decoders, models
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

import fairhub.inputs.text
import fairhub.pipeline
import fairhub.proof.prover
from fairhub.compute.greedy import continuations

pytest_plugins = ["browsing"]  # a Space, a browser and its pages, as fixtures

IDS = {"vocab_size": 128, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1}
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "initializer_range": 0.2}
LLAMA = IDS | SIZES | {"intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 512}
GEMMA = LLAMA | {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 8}
GPT2 = IDS | {
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_inner": 48,
    "n_positions": 512,
    "initializer_range": 0.2,
}


def build(config_class, **fields):
    """A random model whose biases and norms are random too, so that forgetting one shows in the logits."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(getattr(transformers, config_class)(**fields))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
    assert model.num_parameters() < 500_000
    return model.eval()


ARCHITECTURES = {
    "gpt2": partial(build, "GPT2Config", **GPT2),
    "gpt_neo": partial(
        build,
        "GPTNeoConfig",
        **IDS,
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        intermediate_size=48,
        attention_types=[[["global", "local"], 1]],
        window_size=8,
        max_position_embeddings=512,
        initializer_range=0.2,
    ),
    "gptj": partial(build, "GPTJConfig", **GPT2, rotary_dim=4),
    "gpt_neox": partial(build, "GPTNeoXConfig", **IDS, **SIZES, intermediate_size=48, max_position_embeddings=512),
    "opt": partial(
        build,
        "OPTConfig",
        **IDS,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        ffn_dim=48,
        max_position_embeddings=512,
        word_embed_proj_dim=32,
        init_std=0.2,
    ),
    "llama": partial(build, "LlamaConfig", **LLAMA),
    "llama_mqa": partial(build, "LlamaConfig", **LLAMA | {"num_key_value_heads": 1, "head_dim": 16}),
    "mistral": partial(build, "MistralConfig", **LLAMA, head_dim=16, sliding_window=8),
    "qwen2": partial(build, "Qwen2Config", **LLAMA),
    "qwen3": partial(build, "Qwen3Config", **LLAMA, head_dim=16),
    "gemma2": partial(build, "Gemma2Config", **GEMMA),
    "gemma3": partial(build, "Gemma3TextConfig", **GEMMA, layer_types=["sliding_attention", "full_attention"]),
    "phi3": partial(build, "Phi3Config", **LLAMA),
}
"""Builds a tiny model of each listed architecture; keywords change its config."""


@pytest.fixture(params=ARCHITECTURES)
def model(request):
    return ARCHITECTURES[request.param]()


@pytest.fixture(scope="session")
def tokenizer():
    """One token for each ASCII character, at its own code; 0, 1 and 2 are the special tokens."""
    specials = {"<pad>": 0, "<eos>": 1, "<unk>": 2}
    letters = {chr(code): code for code in range(3, 128)}
    letter_by_letter = Tokenizer(models.BPE(vocab=specials | letters, merges=[], unk_token="<unk>"))
    letter_by_letter.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=letter_by_letter,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


@pytest.fixture
def hub(tmp_path):
    with HubServer(tmp_path / "server") as server:
        yield server


@pytest.fixture
def ada(hub):
    return HfApi(endpoint=hub.url, token=hub.token("ada"))


@pytest.fixture
def bob(hub):
    return HfApi(endpoint=hub.url, token=hub.token("bob"))


@pytest.fixture
def nobody(hub):
    return HfApi(endpoint=hub.url, token=False)


@pytest.fixture
def brief(monkeypatch):
    """Short continuations, no pictures; the Hub is out of reach."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(fairhub.inputs.text, "_hub_answers", lambda: False)
    monkeypatch.setattr(fairhub.proof.prover, "continuations", lambda m, t, p: continuations(m, t, p, tokens=4))
    monkeypatch.setattr(fairhub.pipeline.plots, "save_all", lambda *_: {})
