"""Loading: safetensors only, no remote code, no pickles, float32 on a CPU, and where it came from."""

import json
import pickle
from pathlib import Path

import planted
import pytest
import torch
from hub_client import python

import fairhub.loading.files
import fairhub.loading.places
from fairhub.errors import UserError
from fairhub.loading import embedded_default, load


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return planted.save(planted.planted_model().to(torch.bfloat16), tmp_path_factory.mktemp("models") / "half")


def edited(folder: Path, target: Path, **fields) -> Path:
    """A copy of the model with other config fields."""
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    config = json.loads((target / "config.json").read_text()) | fields
    (target / "config.json").write_text(json.dumps(config))
    return target


def test_float32_on_a_cpu_unless_asked(folder):
    assert load(str(folder)).model.dtype == torch.float32
    assert load(str(folder), dtype=torch.bfloat16).model.dtype == torch.bfloat16


def test_frozen_in_evaluation_mode_with_its_provenance(folder):
    loaded = load(str(folder))
    assert not loaded.model.training and not any(p.requires_grad for p in loaded.model.parameters())
    assert (loaded.id, loaded.revision) == (str(folder), "local")
    assert loaded.tokenizer("the nurse").input_ids == planted.tokenizer()("the nurse").input_ids


def test_a_model_of_the_hub_is_known_by_the_commit_it_was_read_from(hub, folder):
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    hub.put("ada/tiny", files)
    first, read, name = python(hub, _REVISIONS, "ada/tiny", user=None).split()
    assert (read, name) == (first, "ada/tiny") and len(first) == 40
    hub.put("ada/tiny", {"note.txt": b"later"})
    later = python(hub, _REVISIONS, f"ada/tiny@{first}", user=None).split()
    assert later[0] != first and later[1] == first  # a branch that went on does not rename what was read


_REVISIONS = """
import sys
from huggingface_hub import HfApi
from fairhub.loading import load
loaded = load(sys.argv[1])
print(HfApi().model_info("ada/tiny").sha, loaded.revision, loaded.id)
"""


@pytest.mark.parametrize("name, asked", [("org/name", None), ("org/name@v1.0", "v1.0"), ("org/name@", None)])
def test_revision_is_what_follows_the_at(name, asked, monkeypatch):
    seen = {}

    def stop(source, file, **settings):
        seen.update(source=source, file=file, revision=settings["revision"])
        raise OSError("stop here")

    monkeypatch.setattr(fairhub.loading.files, "cached_file", stop)
    with pytest.raises(UserError, match="stop here"):
        load(name)
    assert seen == {"source": "org/name", "file": "config.json", "revision": asked}


def test_remote_code_is_refused_and_never_run(folder, tmp_path):
    ran = tmp_path / "ran"
    target = edited(
        folder, tmp_path / "remote", model_type="mine", architectures=["Mine"],
        auto_map={"AutoConfig": "mine.MineConfig", "AutoModelForCausalLM": "mine.Mine"},
    )  # fmt: skip
    (target / "mine.py").write_text(f"open({str(ran)!r}, 'w')\nclass MineConfig: pass\nclass Mine: pass\n")
    with pytest.raises(UserError, match="never runs remote code") as error:
        load(str(target))
    assert "\n" not in str(error.value) and not ran.exists()


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_pickles_are_never_opened(folder, tmp_path):
    target, ran = edited(folder, tmp_path / "pickled"), tmp_path / "ran"
    bomb = pickle.dumps(Bomb(str(ran)))
    (target / "pytorch_model.bin").write_bytes(bomb)
    load(str(target))  # safetensors beside it: the pickle is not looked at
    (target / "model.safetensors").unlink()
    with pytest.raises(UserError, match="must be safetensors"):
        load(str(target))
    assert not ran.exists()
    pickle.loads(bomb)  # positive control: opening it would have shown
    assert ran.exists()


def test_sha256_is_of_every_weight(folder):
    loaded = load(str(folder))
    before = loaded.sha256()
    assert before == load(str(folder)).sha256() and len(before) == 64
    with torch.no_grad():
        loaded.model.model.norm.weight[0] += 1e-3
    assert loaded.sha256() != before
    assert load(str(folder), dtype=torch.bfloat16).sha256() != before


def test_the_embedded_default_is_a_folder_or_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path))
    monkeypatch.setattr(fairhub.loading.places, "_convert", lambda file, folder: folder.mkdir())
    found = embedded_default()
    assert found is None or (found.parent == tmp_path and found.is_dir())
    monkeypatch.setattr(fairhub.loading.places, "EMBEDDED", "no_such_package")
    assert embedded_default() is None
    with pytest.raises(UserError, match="pip install"):
        load()


@pytest.mark.parametrize(
    "card, licence",
    [
        ("---\nlicense: mit\n---\n# Base", "mit"),
        ("---\nlicense: other\nlicense_name: acme-1\n---\n", "acme-1"),
        ("---\nlanguage: en\n---\n", None),
        ("no metadata at all", None),
        ("---\n: [\n---\n", None),
        (None, None),
    ],
)
def test_licence_is_read_off_the_models_card(card, licence, folder, tmp_path):
    copy = edited(folder, tmp_path / "copy")
    if card is not None:
        (copy / "README.md").write_text(card)
    assert load(str(copy)).licence == licence
