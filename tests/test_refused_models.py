"""Models that the command line refuses: whatever is wrong with one is one clear line, and no folder is begun."""

import json
import shutil
from pathlib import Path

import planted
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny import LLAMA, build

pytestmark = pytest.mark.usefixtures("offline")


def copied(folder: Path, target: Path, **fields) -> Path:
    shutil.copytree(folder, target)
    if fields:
        config = json.loads((target / "config.json").read_text()) | fields
        (target / "config.json").write_text(json.dumps(config))
    return target


def test_unknown_folders_and_ids(refused, tmp_path):
    assert "must exist" in refused("audit", tmp_path / "nowhere")
    assert "no-such-org/no-such-model" in refused("audit", "no-such-org/no-such-model")
    assert "a b c" in refused("audit", "a b c")
    assert "'nowhere/to/be' failed" in refused("audit", "nowhere/to/be")


@pytest.mark.parametrize("missing, said", [("config.json", "config.json"), ("tokenizer*", "tokenizer")])
def test_incomplete_folders(refused, planted_folder, tmp_path, missing, said):
    target = copied(planted_folder, tmp_path / "model")
    for file in target.glob(missing):
        file.unlink()
    assert said in refused("audit", target)


def test_pickled_weights(refused, planted_folder, tmp_path):
    target = copied(planted_folder, tmp_path / "model")
    torch.save(load_file(target / "model.safetensors"), target / "pytorch_model.bin")
    (target / "model.safetensors").unlink()
    assert "safetensors" in refused("audit", target)


def test_encoders_and_unknown_architectures(refused, tmp_path):
    bert = transformers.BertConfig(
        vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertForMaskedLM(bert).save_pretrained(tmp_path / "bert")
    planted.tokenizer().save_pretrained(tmp_path / "bert")
    assert "bert" in refused("audit", tmp_path / "bert")
    mamba = transformers.MambaConfig(vocab_size=len(planted.tokenizer()), hidden_size=32, num_hidden_layers=2)
    planted.save(transformers.MambaForCausalLM(mamba), tmp_path / "mamba")
    for words in (("audit",), ("plan",), ("repair", "--out", tmp_path / "run")):
        assert "has layers of attention heads; the config of mamba" in refused(words[0], tmp_path / "mamba", *words[1:])
    assert not (tmp_path / "run").exists()


def test_unknown_model_type_and_broken_config(refused, planted_folder, tmp_path):
    assert "never_heard_of" in refused("audit", copied(planted_folder, tmp_path / "a", model_type="never_heard_of"))
    broken = copied(planted_folder, tmp_path / "b")
    (broken / "config.json").write_text("{")
    assert "config" in refused("audit", broken)
    broken = copied(planted_folder, tmp_path / "c")
    (broken / "model.safetensors").write_bytes(b"not weights")
    refused("audit", broken)


def test_quantised_models(refused, planted_folder, tmp_path):
    quantised = {"quant_method": "gptq", "bits": 4}
    assert "quantised" in refused("audit", copied(planted_folder, tmp_path / "model", quantization_config=quantised))


def test_one_head_or_one_layer(refused, tmp_path):
    for name, fields in (
        ("head", {"num_attention_heads": 1, "num_key_value_heads": 1}),
        ("layer", {"num_hidden_layers": 1}),
    ):
        model = build("LlamaConfig", **LLAMA | fields | {"vocab_size": len(planted.tokenizer())})
        target = planted.save(model, tmp_path / name)
        assert "at least 2 layers and 2 heads" in refused("repair", target, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_probe_longer_than_the_context_window(refused, planted_folder, text, tmp_path, small_audit):
    assert "context window of 8 tokens" in refused(
        "audit", copied(planted_folder, tmp_path / "model", max_position_embeddings=8), "--text", text
    )


@pytest.mark.parametrize("words", [("audit",), ("repair", "--out", "run")])
def test_weights_that_are_not_numbers(refused, planted_folder, text, tmp_path, monkeypatch, words, small_audit):
    monkeypatch.chdir(tmp_path)
    target = copied(planted_folder, tmp_path / "model")
    weights = load_file(target / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    assert "finite" in refused(words[0], target, "--text", text, *words[1:])
