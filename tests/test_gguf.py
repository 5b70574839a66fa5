"""A folder as fairhub saves it holds all that a GGUF file of it needs: written by gguf, it reads the same."""

import json
from pathlib import Path

import gguf
import numpy as np
import planted
import pytest
import torch
from gguf import GGMLQuantizationType as Quantised
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from fairhub.edit.editing import zero_
from fairhub.model.loading import load
from fairhub.model.saving import save
from fairhub.model.units import Unit

TOKENS = torch.arange(3, 43).reshape(2, 20)


def by_halves(rows: Tensor, heads: int) -> Tensor:
    """Rows of queries or keys in llama.cpp's order: the two halves of a head in turn."""
    return rows.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def written(folder: Path, file: Path) -> Path:
    """A Llama's folder as one GGUF file, without its tokenizer."""
    told = json.loads((folder / "config.json").read_text())
    heads, shared = told["num_attention_heads"], told["num_key_value_heads"]
    to = gguf.GGUFWriter(file, "llama")
    to.add_block_count(told["num_hidden_layers"])
    to.add_context_length(told["max_position_embeddings"])
    to.add_embedding_length(told["hidden_size"])
    to.add_feed_forward_length(told["intermediate_size"])
    to.add_head_count(heads)
    to.add_head_count_kv(shared)
    to.add_rope_freq_base(told["rope_theta"])  # the older word for it, which `save` adds
    to.add_layer_norm_rms_eps(told["rms_norm_eps"])
    to.add_vocab_size(told["vocab_size"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, told["num_hidden_layers"])
    turned = {"q_proj.weight": heads, "k_proj.weight": shared}
    for name, stored in load_file(folder / "model.safetensors").items():
        of_heads = next((count for end, count in turned.items() if name.endswith(end)), None)
        tensor = by_halves(stored.float(), of_heads) if of_heads else stored.float()
        to.add_tensor(str(names.get_name(name, try_suffixes=(".weight",))), np.ascontiguousarray(tensor.numpy()))
    to.write_header_to_file()
    to.write_kv_data_to_file()
    to.write_tensors_to_file()
    to.close()
    return file


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_saved_reads_the_same_from_gguf(dtype: torch.dtype, tmp_path: Path) -> None:
    loaded = load(str(planted.save(planted.planted_model().to(dtype), tmp_path / "base")))
    zero_(loaded.model, frozenset({Unit(0, "head", 1), Unit(1, "head", 2)}))
    save(loaded.model, loaded.tokenizer, loaded.own, tmp_path / "made", loaded.stored)
    file = written(tmp_path / "made", tmp_path / "made.gguf")
    again = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=file.name, dtype=torch.float32).eval()
    with torch.inference_mode():
        assert torch.equal(again(TOKENS).logits, loaded.model(TOKENS).logits)


def test_blocks_of_k_quants_have_256_columns() -> None:
    """What `--shrink` keeps widths a multiple of."""
    sizes = {kind: gguf.GGML_QUANT_SIZES[kind][0] for kind in (Quantised.Q4_K, Quantised.Q5_K, Quantised.Q6_K)}
    assert set(sizes.values()) == {256}
