"""What a model that also sees has of its processor goes out with it, and nothing of it that names code or files."""

import json
from pathlib import Path
from typing import Any

import planted
import pytest
import torch
import transformers
from tiny import GEMMA, LLAMA, build
from transformers import AutoModelForCausalLM

from fairhub.errors import UserError
from fairhub.model.loading import load
from fairhub.model.loading.files import PROCESSOR
from fairhub.model.saving import save
from fairhub.publish.names import is_model, refuse_names

PREPROCESSOR = {
    "image_processor_type": "Gemma3ImageProcessor", "do_resize": True, "size": {"height": 28, "width": 28},
    "image_mean": [0.5, 0.5, 0.5], "_name_or_path": "/data/somebody-unlikely/gemma",
}  # fmt: skip
FILES: dict[str, Any] = {
    "preprocessor_config.json": PREPROCESSOR,
    "processor_config.json": {"processor_class": "Gemma3Processor", "image_seq_length": 4},
    "video_preprocessor_config.json": {"video_processor_type": "Made", "fps": 2.0},
    "chat_template.json": {"chat_template": "{{ bos_token }}/{% for message in messages %}<image>{% endfor %}"},
}


@pytest.fixture(scope="module")
def sighted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Gemma 3 that also sees, with its processor beside it."""
    vision = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = transformers.Gemma3Config(
        text_config=GEMMA | {"vocab_size": len(planted.tokenizer())}, mm_tokens_per_image=4,
        vision_config=vision | {"image_size": 28, "patch_size": 14},
    )  # fmt: skip
    torch.manual_seed(0)
    return with_files(planted.save(AutoModelForCausalLM.from_config(config), tmp_path_factory.mktemp("base")), FILES)


def with_files(folder: Path, files: dict[str, Any]) -> Path:
    """The same folder with these JSON files in it."""
    for name, content in files.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_it_goes_out_as_it_came_without_where_it_lay(sighted: Path, tmp_path: Path) -> None:
    loaded = load(str(sighted))
    save(loaded.model, loaded.tokenizer, loaded.own, tmp_path / "made")
    told = {name: json.loads((tmp_path / "made" / name).read_text()) for name in PROCESSOR}
    clean = {key: value for key, value in PREPROCESSOR.items() if key != "_name_or_path"}
    assert told == FILES | {"preprocessor_config.json": clean}
    assert all(is_model(name) for name in PROCESSOR)
    refuse_names([path.name for path in (tmp_path / "made").iterdir()], "made")
    again, problems = AutoModelForCausalLM.from_pretrained(tmp_path / "made", output_loading_info=True)
    assert not any(problems.values()) and type(again) is type(loaded.model)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("preprocessor_config.json", {"auto_map": {"AutoImageProcessor": "mine.Mine"}}, "never runs remote code"),
        ("processor_config.json", {"tokenizer_file": "/etc/passwd"}, "names no other files"),
        ("preprocessor_config.json", {"size": {"of": "../../other"}}, "names no paths"),
        ("video_preprocessor_config.json", "[1, 2]", "must be a JSON object"),
        ("chat_template.json", "{", "chat_template.json"),
        ("chat_template.json", {"chat_template": "a" * (2 << 20)}, "chat_template.json"),
        ("processor_config.json", '{"image_seq_length": 1e999}', "numbers must be finite"),
    ],
)
def test_what_is_hostile_is_refused_in_one_line(
    name: str, content: Any, said: str, sighted: Path, tmp_path: Path
) -> None:
    files = {path.name: path.read_bytes() for path in sighted.iterdir()}
    for file, inside in files.items():
        (tmp_path / file).write_bytes(inside)
    with pytest.raises(UserError, match=said) as error:
        load(str(with_files(tmp_path, {name: content})))
    assert "\n" not in str(error.value)


def test_a_link_out_of_the_folder_is_refused(sighted: Path, tmp_path: Path) -> None:
    for path in sighted.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "processor_config.json").unlink()
    (tmp_path / "processor_config.json").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match="link out of it"):
        load(str(tmp_path))


def test_of_a_model_of_text_alone_no_processor_is_read(tmp_path: Path) -> None:
    model = build("LlamaConfig", **LLAMA | {"vocab_size": len(planted.tokenizer())})
    place = with_files(planted.save(model, tmp_path), {"preprocessor_config.json": "{"})
    assert not load(str(place)).own.keys() & set(PROCESSOR)
