"""A tiny random model of every listed architecture."""

from functools import partial
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM
from wide import wide_but

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
NARROW = ("gpt2", "llama", "gemma3")
"""What every run of the tests covers: one fused and transposed, one grouped and gated, one with windows and norms."""


def architectures(*often: str) -> list[Any]:
    """Every listed architecture as a parameter: these (or NARROW) in every run of the tests, the others wide."""
    return wide_but(ARCHITECTURES, *(often or NARROW))
