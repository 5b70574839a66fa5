"""Cases of configurations: fields that config.json and its companions must not have, and odd ones that they may."""

import json
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bad_inputs import Case, Place


def copied(place: Place) -> Path:
    """A copy of the good model."""
    return Path(shutil.copytree(place.model, place.folder / "model"))


def audit(place: Place, model: object) -> Sequence[object]:
    return ["audit", model, "--text", place.text]


def edited(place: Place, file: str, change: Callable[[dict], object]) -> Path:
    """A copy of the model, a JSON file of which is changed; a change may return another object."""
    model = copied(place)
    path = model / file
    held = json.loads(path.read_text()) if path.is_file() else {}
    other = change(held)
    path.write_text(json.dumps(held if other is None else other))
    return model


def with_fields(place: Place, file: str, fields: dict, command: Sequence[object] = ()) -> Sequence[object]:
    model = edited(place, file, lambda held: held.update(fields))
    return [*command, model] if command else audit(place, model)


def with_text(place: Place, file: str, text: str | bytes) -> Sequence[object]:
    model = copied(place)
    (model / file).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return audit(place, model)


def field(name: str, /, quick: bool = False, good: bool = False, file: str = "config.json", **fields: object) -> Case:
    return Case(f"{file}: {name}", partial(with_fields, file=file, fields=fields), good=good, quick=quick)


def content(name: str, text: str | bytes, file: str = "config.json", quick: bool = False, good: bool = False) -> Case:
    return Case(f"{file}: {name}", partial(with_text, file=file, text=text), good=good, quick=quick)


def _without(place: Place, key: str) -> Sequence[object]:
    return audit(place, edited(place, "config.json", lambda held: held.pop(key) and None))


HUGE = 10**12
_SIZES = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "num_hidden_layers",
          "vocab_size", "head_dim")  # fmt: skip
CASES = [
    Case("the good model", lambda place: audit(place, copied(place)), good=True, quick=True),
    *(field(f"{size} 0", quick=size == "num_attention_heads", **{size: 0}) for size in _SIZES),
    *(field(f"{size} negative", **{size: -1}) for size in _SIZES),
    *(field(f"{size} huge", quick=size in ("num_hidden_layers", "vocab_size"), **{size: HUGE}) for size in _SIZES),
    *(field(f"{size} text", quick=size == "hidden_size", **{size: "abc"}) for size in _SIZES),
    *(field(f"{size} a list", **{size: [1]}) for size in ("hidden_size", "num_hidden_layers")),
    *(field(f"{size} a fraction", **{size: 1.5}) for size in ("hidden_size", "num_hidden_layers")),
    field("hidden_size null", hidden_size=None),
    field("num_hidden_layers 900, weights of two", num_hidden_layers=900),
    field("num_hidden_layers fewer than the weights", quick=True, num_hidden_layers=1),
    field("vocab_size too small", vocab_size=100),
    field("hidden_size of another model", quick=True, hidden_size=64),
    field("intermediate_size of another model", intermediate_size=96),
    field("heads that do not divide", num_attention_heads=3, num_key_value_heads=3, head_dim=None),
    field("more key heads than heads", num_key_value_heads=8),
    field("key heads that do not divide", num_key_value_heads=3),
    field("max_position_embeddings 0", max_position_embeddings=0),
    field("max_position_embeddings huge", max_position_embeddings=10**30),
    field("unknown hidden_act", quick=True, hidden_act="swish9"),
    field("hidden_act a number", hidden_act=3),
    field("unknown rope_type", quick=True, rope_parameters={"rope_type": "spiral", "rope_theta": 10000.0}),
    field("rope_parameters text", rope_parameters="yes"),
    field("rope_theta 0", rope_parameters={"rope_type": "default", "rope_theta": 0}),
    field("rope_theta text", rope_parameters={"rope_type": "default", "rope_theta": "big"}),
    field("rope factor 0", rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 0}),
    field("rms_norm_eps text", rms_norm_eps="small"),
    field("rms_norm_eps negative", rms_norm_eps=-1e9),
    field("attention_dropout text", attention_dropout="none"),
    field("model_type a list", model_type=["llama"]),
    field("model_type null", model_type=None),
    field("model_type unknown", model_type="\x1b[31mllama"),
    field("model_type of another architecture", model_type="gpt2"),
    field("model_type qwen2, weights of llama", model_type="qwen2"),
    *(field(f"model_type {other}, weights of llama", model_type=other)
      for other in ("bert", "mamba", "t5", "falcon", "gpt_oss", "git", "musicgen", "deepseek_v3", "mllama")),
    field("experts without end", quick=True, model_type="mixtral", num_local_experts=1 << 24),
    field("experts as text", model_type="mixtral", num_local_experts="many"),
    field("layers of several kinds", model_type="qwen3_next"),
    field("a backbone of the Hub", quick=True, backbone="org/evil", use_pretrained_backbone=True),
    field("is_encoder_decoder", is_encoder_decoder=True),
    field("dtype float8_e4m3fn", dtype="float8_e4m3fn"),
    field("dtype int8", quick=True, dtype="int8"),
    field("dtype nonsense", dtype="nn"),
    field("dtype a number", dtype=16),
    field("auto_map", quick=True, auto_map={"AutoModelForCausalLM": "mine.Mine"}),
    field("auto_map of another repository", auto_map={"AutoConfig": "org/evil--mine.Config"}),
    field("attn_implementation from the Hub", quick=True, attn_implementation="org/kernel"),
    field("_attn_implementation from the Hub", _attn_implementation="org/kernel@main:f"),
    field("experts_implementation from the Hub", experts_implementation="org/kernel"),
    field("quantization_config", quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}),
    field("quantization_config text", quantization_config="yes"),
    field("transformers_weights", transformers_weights="../../other.safetensors"),
    field("transformers_weights, a plain name", transformers_weights="other.safetensors"),
    field("fusion_config", fusion_config={"patch_embeddings": True}),
    field("distributed_config", distributed_config={"tp_size": 2}),
    field("an absolute path", quick=True, tokenizer_name="/proc/self/environ"),
    field("a path upwards", some_map={"deep": [{"place": "x/../../y"}]}),
    field("vocab_file", vocab_file="/proc/self/environ"),
    field("custom_generate", custom_generate="org/evil"),
    field("base_model_name_or_path", base_model_name_or_path="org/other"),
    content("empty", ""),
    content("not JSON", "{"),
    content("a list", "[1,2,3]"),
    content("null", "null"),
    content("an empty object", "{}", quick=True),
    content("100,000 deep", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}", quick=True),
    content("an integer of 5,000 digits", '{"model_type": "llama", "vocab_size": ' + "9" * 5000 + "}", quick=True),
    content("NaN", '{"model_type": "llama", "rms_norm_eps": NaN}'),
    content("infinite", '{"model_type": "llama", "rms_norm_eps": 1e999}'),
    content("half a surrogate", '{"model_type": "\\ud800"}'),
    content("not UTF-8", b"\xff\xfe{}"),
    content("zeros", b"\0" * 1000),
    content("20 MB", '{"model_type": "llama", "x": "' + "a" * (20 << 20) + '"}'),
    content("a mark of byte order", "\ufeff{}"),
    *(Case(f"config.json: without {key}", partial(_without, key=key), quick=key == "model_type")
      for key in ("model_type", "hidden_size", "num_attention_heads", "vocab_size", "intermediate_size")),
    *(Case(f"plan: {name}", partial(with_fields, file="config.json", fields=fields, command=["plan"]), quick=quick)
      for name, fields, quick in (
          ("num_hidden_layers huge", {"num_hidden_layers": HUGE}, True), ("heads 0", {"num_attention_heads": 0}, False),
          ("hidden_size of another model", {"hidden_size": 64}, False), ("unknown hidden_act", {"hidden_act": "x"},
            False),
          ("vocab_size huge", {"vocab_size": 1 << 23}, False))),
    content("a list", "[]", file="generation_config.json"),
    content("100,000 deep", "[" * 100_000, file="generation_config.json"),
    field("custom_generate", file="generation_config.json", custom_generate="org/evil"),
    field("a path", file="generation_config.json", cache="/etc/passwd"),
    field("absurd numbers that are not used", file="generation_config.json", good=True, num_beams=10**9,
      penalty_alpha=-3.5),
    field("where it was saved", good=True, _name_or_path="/opt/me/checkpoints/../model"),
    field("computed with sdpa", good=True, attn_implementation="sdpa"),
    field("told to return tuples", good=True, quick=True, return_dict=False, output_attentions=True),
    field("dtype of older versions", good=True, torch_dtype="torch.float16"),
    field("fields that nobody knows", good=True, mine={"deep": [1, 2, {"a": None}]},
      note="text / with .. dots"),
    field("several ends", good=True, eos_token_id=[1, 2]),
]  # fmt: skip
