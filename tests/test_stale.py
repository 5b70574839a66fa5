"""Publishing over what is there: our own stale files go in the same commit, the owner's stay, links are refused."""

import json
import shutil

import pytest
from published import made
from safetensors.torch import load_file, save_file

from fairhub import publish as publisher
from fairhub.errors import UserError

OWN = {"notes.txt": b"mine", "figures/mine.svg": b"mine", "onnx/model.onnx": b"mine", "data/a.bin": b"mine"}
"""Files of the owner's: no publish touches them."""
MORE = {"model-00001-of-00002.safetensors": b"old", "model.safetensors.index.json": b"{}", "vocab.json": b"{}",
        "fairhub/fairhub-0.0.1-py3-none-any.whl": b"old", "figures/transfer.png": b"old"}  # fmt: skip
"""What an earlier publish of another model left."""


@pytest.fixture
def run(tmp_path):
    return shutil.copytree(made()[2], tmp_path / "run")


def weights(files):
    return {name for name in files if name.endswith(".safetensors")}


def test_a_recipe_alone_over_a_full_repository_takes_the_weights_away(hub, ada, run):
    publisher.publish(run, "ada/fair", api=ada)
    hub.put("ada/fair", OWN)
    before = len(hub.commits("ada/fair"))
    publisher.publish(run, "ada/fair", weights=False, api=ada)
    files = hub.files("ada/fair")
    assert not weights(files) and "config.json" not in files and "fairhub/recipe.json" in files
    assert OWN.items() <= files.items() and len(hub.commits("ada/fair")) == before + 1
    publisher.publish(run, "ada/fair", api=ada)
    assert weights(hub.files("ada/fair")) == {"model.safetensors"}  # and back


def test_what_another_publish_left_goes_in_the_same_commit(hub, ada, run):
    publisher.publish(run, "ada/fair", api=ada)
    hub.put("ada/fair", OWN | MORE)
    before = len(hub.commits("ada/fair"))
    publisher.publish(run, "ada/fair", api=ada)
    files = hub.files("ada/fair")
    assert not MORE.keys() & files.keys() and OWN.items() <= files.items()
    assert len(hub.commits("ada/fair")) == before + 1


def test_one_file_gives_way_to_shards(hub, ada, run):
    publisher.publish(run, "ada/fair", api=ada)
    sharded(run)
    publisher.publish(run, "ada/fair", api=ada)
    names = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}
    assert weights(hub.files("ada/fair")) == names and "model.safetensors.index.json" in hub.files("ada/fair")


def sharded(run):
    """Part the weights into two files, as transformers does with large ones."""
    file = run / "model" / "model.safetensors"
    tensors = load_file(file)
    file.unlink()
    names = sorted(tensors)
    where = {name: f"model-0000{1 + (place % 2)}-of-00002.safetensors" for place, name in enumerate(names)}
    for shard in set(where.values()):
        part = {name: tensors[name] for name in names if where[name] == shard}
        save_file(part, run / "model" / shard, metadata={"format": "pt"})
    total = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (run / "model" / "model.safetensors.index.json").write_text(json.dumps(index))


def test_the_owners_files_stay_in_a_repository_that_fairhub_did_not_make(hub, ada, run):
    theirs = OWN | {"figures/transfer.png": b"mine"}
    hub.put("ada/theirs", theirs)
    publisher.publish(run, "ada/theirs", api=ada)
    assert theirs.items() <= hub.files("ada/theirs").items()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("pytorch_model.bin", {}, "weights must be safetensors"),
        ("adapter_config.json", {}, "a published model is alone"),
        ("model.safetensors", {"weights": False}, "which fairhub did not publish"),
    ],
)
def test_what_would_stand_beside_the_model_is_refused(hub, ada, run, name, options, said):
    hub.put("ada/theirs", {name: b"theirs"})
    with pytest.raises(UserError, match=said) as error:
        publisher.publish(run, "ada/theirs", api=ada, **options)
    assert "\n" not in str(error.value) and hub.files("ada/theirs") == {name: b"theirs"}


@pytest.mark.parametrize("place", ["model/notes.json", "figures/by_axis.png", "model/tokenizer.json", "report.json"])
def test_links_in_a_run_are_refused(run, tmp_path, place):
    secret = tmp_path / "secret"
    file = run / place
    secret.write_bytes(file.read_bytes() if file.is_file() else b"secret")
    file.unlink(missing_ok=True)
    file.symlink_to(secret)
    with pytest.raises(UserError, match="is a link") as error:
        publisher.publish(run, "ada/fair", dry_run=True)
    assert "\n" not in str(error.value)


def test_only_names_of_a_run_are_uploaded(run, tmp_path):
    beside = ("model/.env", "model/secret.txt", "model/sub/tokenizer.json", "figures/secret_key2.png", "figures/a.txt")
    for name in beside:
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text("secret")
    shown = []
    publisher.publish(run, "ada/fair", dry_run=True, show=shown.append)
    assert (
        "model.safetensors" in shown[0]
        and "secret" not in shown[0]
        and "sub/" not in shown[0]
        and ".env" not in shown[0]
    )
