"""Loading: safetensors only, no remote code, no pickles, float32 on a CPU, and where it came from."""

import json
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import planted
import pytest
import torch
from hub_client import python
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tiny import ARCHITECTURES
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoModelForCausalLM, AutoTokenizer

import fairhub.model.loading.files
import fairhub.model.loading.places
from fairhub.commands.options import loaded
from fairhub.errors import UserError
from fairhub.model.loading import embedded_default, load


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


@pytest.mark.parametrize("kept", [torch.bfloat16, torch.float16])
def test_a_model_that_float16_has_no_room_for_is_refused_in_float16_alone(kept, tmp_path):
    model = planted.planted_model()
    for name in ("up_proj", "down_proj"):  # every weight fits float16, what they make does not
        model.model.layers[1].mlp.get_submodule(name).weight.mul_(1000)
    large = str(planted.save(model.to(kept), tmp_path / "large"))
    with pytest.raises(UserError, match=r"float16 those of layer 1 of .* use bfloat16 or float32") as error:
        load(large, dtype=torch.float16)
    assert "\n" not in str(error.value)
    assert load(large).model.dtype == torch.float32  # the same where it fits: it is the activations
    assert load(large, dtype=torch.bfloat16).model.dtype == torch.bfloat16
    planted.save(planted.planted_model().to(kept), tmp_path / "small")
    assert load(str(tmp_path / "small"), dtype=torch.float16).model.dtype == torch.float16


def test_frozen_in_evaluation_mode_with_its_provenance(folder):
    loaded = load(str(folder))
    assert not loaded.model.training and not any(p.requires_grad for p in loaded.model.parameters())
    assert (loaded.id, loaded.revision) == (str(folder), "local")
    assert loaded.tokenizer("the nurse").input_ids == planted.tokenizer()("the nurse").input_ids


@pytest.mark.wide
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
from fairhub.model.loading import load
loaded = load(sys.argv[1])
print(HfApi().model_info("ada/tiny").sha, loaded.revision, loaded.id)
"""


@pytest.mark.parametrize("name, asked", [("org/name", None), ("org/name@v1.0", "v1.0"), ("org/name@", None)])
def test_revision_is_what_follows_the_at(name, asked, monkeypatch):
    seen = {}

    def stop(source, file, **settings):
        seen.update(source=source, file=file, revision=settings["revision"])
        raise OSError("stop here")

    monkeypatch.setattr(fairhub.model.loading.files, "cached_file", stop)
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


def test_threads_build_models_in_turn(tmp_path, monkeypatch):
    """Two visitors of one Space: transformers unties the weights of all it builds while another thread builds one."""
    folder = planted.save(planted.planted_model("gpt2"), tmp_path / "tied")
    real, building, most = AutoModelForCausalLM.from_pretrained, [], []

    def slow(*args, **kwargs):
        building.append(1)
        most.append(len(building))
        time.sleep(0.05)
        model = real(*args, **kwargs)
        building.pop()
        return model

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", slow)
    with ThreadPoolExecutor(3) as pool:
        models = [loaded.model for loaded in pool.map(load, [str(folder)] * 3)]
    assert most == [1, 1, 1]
    assert all(model.lm_head.weight is model.transformer.wte.weight for model in models)


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
    monkeypatch.setattr(fairhub.model.loading.places, "_convert", lambda file, folder: folder.mkdir())
    found = embedded_default()
    assert found is None or (found.parent == tmp_path and found.is_dir())
    monkeypatch.setattr(fairhub.model.loading.places, "EMBEDDED", "no_such_package")
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


def tokenizer_config(folder: Path, target: Path, **fields) -> Path:
    """A copy of the model whose tokenizer_config.json says other things, without tokenizer.json."""
    copy = edited(folder, target)
    (copy / "tokenizer.json").unlink()
    (copy / "tokenizer_config.json").write_text(json.dumps(fields))
    return copy


@pytest.mark.parametrize("named", ["vocab", "vocab_file", "init_inputs"])
def test_no_file_of_the_machine_becomes_a_vocabulary(named, folder, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("token=hf_secret\n[UNK]\n[CLS]\n[MASK]\n")
    value = [str(secret)] if named == "init_inputs" else str(secret)
    copy = tokenizer_config(folder, tmp_path / "copy", tokenizer_class="BertTokenizer", **{named: value})
    with pytest.raises(UserError, match="names no other files"):
        load(str(copy))
    (copy / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    (copy / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    assert load(str(copy)).tokenizer.get_vocab() == planted.tokenizer().get_vocab()  # its own file alone decides


def test_the_older_format_of_byte_pairs_is_read_as_transformers_reads_it(folder, tmp_path):
    letters = ["<|end|>", *sorted(ByteLevel.alphabet()), "th", "the", "Ġthe"]
    copy = tokenizer_config(folder, tmp_path / "copy", tokenizer_class="GPT2Tokenizer", eos_token="<|end|>")
    (copy / "vocab.json").write_text(json.dumps({letter: i for i, letter in enumerate(letters)}))
    (copy / "merges.txt").write_text("#version: 0.2\nt h\nth e\nĠ the\n")
    ours, theirs = load(str(copy)).tokenizer, AutoTokenizer.from_pretrained(copy)
    for text in ("the other", " the  end\n\n", "é 漢<|end|>the"):
        assert ours(text).input_ids == theirs(text).input_ids and ours.decode(ours(text).input_ids) == text


def test_special_tokens_that_no_file_names_are_those_of_the_models_ids(folder, tmp_path):
    copy = edited(folder, tmp_path / "copy", bos_token_id=1, eos_token_id=1)
    (copy / "tokenizer_config.json").unlink()
    assert load(str(copy)).tokenizer.eos_token == "<eos>"


def test_a_link_out_of_the_folder_is_refused_and_a_snapshots_is_not(folder, tmp_path):
    copy = edited(folder, tmp_path / "copy")
    (copy / "tokenizer.json").unlink()
    (copy / "tokenizer.json").symlink_to(folder / "tokenizer.json")
    with pytest.raises(UserError, match="tokenizer.json is a link out of it"):
        load(str(copy))
    blobs, snapshot = tmp_path / "repo" / "blobs", tmp_path / "repo" / "snapshots" / "abc"
    blobs.mkdir(parents=True), snapshot.mkdir(parents=True)
    for file in folder.iterdir():
        (blobs / file.name).write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(Path("..", "..", "blobs", file.name))
    assert load(str(snapshot)).sha256() == load(str(folder)).sha256()


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda weights: weights.update(other=weights.pop("model.norm.weight")), "1 are not .model.norm.weight"),
        (lambda weights: weights.update({"model.norm.weight": torch.ones(7), "other": torch.ones(32)}), "7. for .32"),
        (lambda weights: weights["model.norm.weight"].fill_(float("inf")), "finite"),
        (lambda weights: weights.update({"model.layers.2.x.weight": torch.ones(7)}), "says 2 of 3"),
    ],
)
def test_weights_are_whole_of_their_sizes_and_finite(change, said, folder, tmp_path):
    copy = edited(folder, tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    change(weights)
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=said):
        load(str(copy))


def test_tensors_that_are_not_of_the_model_are_named(folder, tmp_path, capsys):
    copy = edited(folder, tmp_path / "copy")
    weights = load_file(copy / "model.safetensors") | {"vision.weight": torch.ones(3)}
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert load(str(copy)).unread == ("vision.weight",) and load(str(folder)).unread == ()
    capsys.readouterr()
    loaded(str(copy), "cpu", None)
    assert (
        "weights: 1 of the checkpoint are not of this model and were not read (vision.weight)"
        in capsys.readouterr().err
    )


def test_what_a_full_disk_leaves_of_the_default_is_taken_away(tmp_path, monkeypatch):
    def full(file, folder):
        folder.mkdir()
        (folder / "half.safetensors").write_bytes(b"0" * 100)
        raise SafetensorError("No space left on device")

    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path))
    monkeypatch.setattr(fairhub.model.loading.places, "_convert", full)
    with pytest.raises(UserError, match="No space left.*free 600 MB"):
        fairhub.model.loading.places._unpack(tmp_path / "x.gguf", tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x.lock"]


def test_who_comes_later_takes_what_the_first_unpacked(tmp_path, monkeypatch):
    made = []

    def convert(file, folder):
        made.append(folder)
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        time.sleep(0.3)

    (tmp_path / "x.partial").mkdir()  # of who was killed
    (tmp_path / "x.partial" / "half.safetensors").write_bytes(b"0")
    monkeypatch.setattr(fairhub.model.loading.places, "_convert", convert)
    unpack = partial(fairhub.model.loading.places._unpack, tmp_path / "x.gguf", tmp_path / "x")
    both = [threading.Thread(target=unpack) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(made) == 1 and [path.name for path in (tmp_path / "x").iterdir()] == ["config.json"]


def test_a_folder_that_hides_a_model_of_the_hub_is_said_to_be_in_the_way(tmp_path, monkeypatch):
    (tmp_path / "org" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="in the way of the Hub's org/name"):
        load("org/name")


@pytest.mark.wide
def test_a_model_in_the_cache_is_loaded_where_no_network_is(hub, folder):
    hub.put("ada/tiny", {file.name: file.read_bytes() for file in folder.iterdir()})
    before = python(hub, _REVISIONS, "ada/tiny", user=None)
    dead = f"import os; os.environ['HF_ENDPOINT'] = 'http://127.0.0.1:9'\n{_CACHED}"
    assert python(hub, dead, "ada/tiny", user=None).split()[0] == before.split()[1]


_CACHED = """
import sys
from fairhub.model.loading import load
print(load(sys.argv[1]).revision)
"""


@pytest.mark.parametrize("name", ["gpt2", "gpt_neo", "gptj", "gpt_neox", "opt", "gemma3", "phi3"])
def test_every_architecture_is_loaded_whole(name, tmp_path):
    model = ARCHITECTURES[name](vocab_size=len(planted.tokenizer()))
    loaded, ids = load(str(planted.save(model, tmp_path / name))), torch.tensor([[3, 7, 5]])
    assert torch.equal(loaded.model(ids).logits, model(ids).logits) and loaded.unread == ()
