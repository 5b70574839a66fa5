"""Tiny random models of many architectures that transformers has, each built from its config by keyword."""

from collections.abc import Callable
from functools import partial

import transformers
from tiny import GEMMA, GPT2, IDS, LLAMA, SIZES, build
from transformers import PreTrainedModel

ALIBI = IDS | {"hidden_size": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.2}
EXPERTS = LLAMA | {"num_experts_per_tok": 2, "moe_intermediate_size": 24, "head_dim": 8}
_FIELDS = {
    "apertus": ("ApertusConfig", LLAMA),
    "arcee": ("ArceeConfig", LLAMA),
    "biogpt": ("BioGptConfig", IDS | SIZES | {"intermediate_size": 48, "max_position_embeddings": 512}),
    "bloom": ("BloomConfig", ALIBI),
    "codegen": ("CodeGenConfig", GPT2 | {"rotary_dim": 4}),
    "cohere": ("CohereConfig", LLAMA),
    "cohere2": ("Cohere2Config", LLAMA | {"head_dim": 8, "sliding_window": 8}),
    "ernie4_5": ("Ernie4_5Config", LLAMA | {"head_dim": 8}),
    "exaone4": ("Exaone4Config", LLAMA | {"sliding_window": 8}),
    "falcon": ("FalconConfig", IDS | SIZES | {"alibi": False, "new_decoder_architecture": False}),
    "gemma": ("GemmaConfig", LLAMA | {"head_dim": 16}),
    "glm": ("GlmConfig", LLAMA | {"head_dim": 8}),
    "glm4": ("Glm4Config", LLAMA | {"head_dim": 8}),
    "gpt_bigcode": ("GPTBigCodeConfig", GPT2),
    "gpt_oss": ("GptOssConfig", EXPERTS | {"num_local_experts": 4, "sliding_window": 8}),
    "granite": ("GraniteConfig", LLAMA),
    "granitemoe": ("GraniteMoeConfig", LLAMA | {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "helium": ("HeliumConfig", LLAMA | {"head_dim": 8}),
    "hunyuan_v1_dense": ("HunYuanDenseV1Config", LLAMA | {"head_dim": 8}),
    "mixtral": ("MixtralConfig", LLAMA | {"num_local_experts": 4}),
    "mpt": ("MptConfig", IDS | {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 512,
                                "initializer_range": 0.2}),
    "nemotron": ("NemotronConfig", LLAMA),
    "olmo": ("OlmoConfig", LLAMA),
    "olmo2": ("Olmo2Config", LLAMA),
    "olmo3": ("Olmo3Config", LLAMA | {"sliding_window": 8}),
    "olmoe": ("OlmoeConfig", EXPERTS | {"num_experts": 4}),
    "persimmon": ("PersimmonConfig", IDS | SIZES | {"intermediate_size": 48, "max_position_embeddings": 512}),
    "phi": ("PhiConfig", LLAMA),
    "qwen2_moe": ("Qwen2MoeConfig", EXPERTS | {"num_experts": 4, "shared_expert_intermediate_size": 24}),
    "qwen3_moe": ("Qwen3MoeConfig", EXPERTS | {"num_experts": 4}),
    "seed_oss": ("SeedOssConfig", LLAMA | {"head_dim": 8}),
    "smollm3": ("SmolLM3Config", LLAMA),
    "stablelm": ("StableLmConfig", LLAMA),
    "starcoder2": ("Starcoder2Config", LLAMA),
    "vaultgemma": ("VaultGemmaConfig", GEMMA | {"layer_types": ["sliding_attention", "full_attention"]}),
    "xglm": ("XGLMConfig", IDS | {"d_model": 32, "ffn_dim": 48, "num_layers": 2, "attention_heads": 4,
                                  "max_position_embeddings": 512, "init_std": 0.2}),
}  # fmt: skip
ZOO: dict[str, Callable[..., PreTrainedModel]] = {
    name: partial(build, config, **fields)
    for name, (config, fields) in _FIELDS.items()
    if hasattr(transformers, config)
}
"""Builds a tiny model of each architecture that is not in `conftest.ARCHITECTURES`."""
