"""Models of the Space: what may be loaded for a stranger, known before it comes, and what stays in memory."""

import json
from types import SimpleNamespace

import planted
import pytest

from fairhub.errors import UserError
from fairhub.model.loading import load
from fairhub.space import disk
from fairhub.space.disk import surplus
from fairhub.space.models import Models
from fairhub.space.sizes import memory, refuse


@pytest.fixture(scope="module")
def loaded():
    return planted.loaded(planted.planted_model())


@pytest.fixture
def on_hub(hub, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    told = {"ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path / "cache")}
    told |= {"HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}"}
    for name, value in told.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    place = planted.save(planted.planted_model(), tmp_path / "model")
    hub.put("ada/good", {path.name: path.read_bytes() for path in place.iterdir()})
    hub.put("ada/pickled", {"config.json": b"{}", "pytorch_model.bin": b"\x80\x04."})
    return place


def test_what_may_be_loaded_is_known_before_a_download(on_hub, hub):
    allowed = refuse("ada/good", 10**9)
    assert allowed.name == f"ada/good@{hub.commits('ada/good')[0].oid}"
    assert allowed.size <= sum(path.stat().st_size for path in on_hub.iterdir())
    with pytest.raises(UserError, match="pickles"):
        refuse("ada/pickled", 10**9)
    with pytest.raises(UserError, match="GB of weights here"):
        refuse("ada/good", 1000)
    with pytest.raises(UserError, match="must exist"):
        refuse("ada/none", 10**9)


def test_no_file_of_a_model_is_too_large_to_come(on_hub, hub, monkeypatch):
    """Weights alone counted: a tokenizer.json of any size was downloaded and read."""
    monkeypatch.setattr("fairhub.space.sizes._MOST_TEXT", 10**6)
    files = {path.name: path.read_bytes() for path in on_hub.iterdir()}
    for name in ("tokenizer.json", "README.md", "vocab.txt"):
        hub.put("ada/heavy", files | {name: bytes(2 * 10**6)})
        with pytest.raises(UserError, match="besides weights may be 1 MB"):
            Models().source("ada/heavy")
    assert not hub.asked("GET", r"/ada/heavy/resolve/")
    assert Models().source("ada/good")  # positive control


def repository(name, size, used):
    return SimpleNamespace(
        size_on_disk=size, last_accessed=used, revisions=[SimpleNamespace(commit_hash=f"commit of {name}")]
    )


def test_what_nobody_used_for_longest_makes_room():
    repos = [repository("old", 30, 1.0), repository("older", 30, 0.0), repository("loading", 30, 9.0)]
    held = SimpleNamespace(size_on_disk=90, repos=repos)
    assert surplus(held, 90, before=5.0) == []
    assert surplus(held, 70, before=5.0) == ["commit of older"]
    assert surplus(held, 0, before=5.0) == ["commit of older", "commit of old"]  # what is being loaded stays


def test_only_a_space_empties_its_cache(on_hub, hub, monkeypatch):
    """Elsewhere the cache is the user's own."""
    from huggingface_hub import constants, scan_cache_dir

    with Models().borrowed("ada/good"):
        pass
    monkeypatch.setenv("FAIRHUB_SPACE_BYTES", "1")
    monkeypatch.setattr(disk, "_USED", -60.0)
    disk.make_room_(10)
    assert len(scan_cache_dir(constants.HF_HUB_CACHE).repos) == 1
    monkeypatch.setattr(disk, "on_space", lambda: True)
    disk.make_room_(10)
    assert len(scan_cache_dir(constants.HF_HUB_CACHE).repos) == 0
    disk.make_room_(10)  # and where nothing is left


def test_what_was_checked_is_what_is_loaded(on_hub, hub, monkeypatch):
    models, first = Models(), hub.commits("ada/good")[0].oid
    assert models.source("ada/good") == f"ada/good@{first}"
    hub.put("ada/good", {"config.json": b"{}"})  # the branch moves on: the name still means what was looked at
    assert models.source(f"ada/good@{first}") == f"ada/good@{first}"
    monkeypatch.setenv("FAIRHUB_SPACE_BYTES", "1000")
    with pytest.raises(UserError, match="GB of weights here"):
        models.source(f"ada/good@{first}")


def test_a_config_that_asks_for_more_than_its_files_is_refused_before_they_come(on_hub, hub, monkeypatch):
    config = json.loads((on_hub / "config.json").read_text())
    names = [path.name for path in on_hub.iterdir() if path.name != "config.json"]
    files = {name: (on_hub / name).read_bytes() for name in names}
    monkeypatch.setenv("FAIRHUB_SPACE_BYTES", "1000000000")
    for name, more in {"wide": {"vocab_size": 10**7}, "deep": {"num_hidden_layers": 10**8}}.items():
        hub.put(f"ada/{name}", files | {"config.json": json.dumps(config | more).encode()})
        with pytest.raises(UserError, match="4 bytes each|num_hidden_layers"):
            Models().source(f"ada/{name}")
    assert not hub.asked("GET", r"/ada/(wide|deep)/resolve/.*safetensors")


def test_memory_is_that_of_the_model_in_float32(loaded):
    weights = sum(weight.numel() for weight in loaded.model.parameters())
    assert 4 * weights <= memory(loaded.model.config) < 4.4 * weights + 4096


def test_what_compare_holds_opens_to_no_name(on_hub, monkeypatch):
    models = Models()
    with models.lent(str(on_hub)):
        pass
    with pytest.raises(UserError, match="Hub id"):
        models.source(str(on_hub))


def test_a_path_is_never_a_model(on_hub, monkeypatch):
    monkeypatch.chdir(on_hub.parent)
    (on_hub.parent / "some" / "where").mkdir(parents=True)
    for name in (str(on_hub), "../x/y", "~/x", "some/where", "ada/good/../..", "a/b\n"):
        with pytest.raises(UserError, match="Hub id"):
            refuse(name, 10**9)


def test_models_are_kept_few_and_lent_to_one_at_a_time(tmp_path, monkeypatch):
    names = ("one", "two", "three")
    places = {name: str(planted.save(planted.planted_model(), tmp_path / name)) for name in names}
    models = Models(places, keep=2)
    first, held = {}, []
    monkeypatch.setattr("fairhub.space.models.load", lambda *a, **k: held.append(len(models._held)) or load(*a, **k))
    for name in names:
        with models.borrowed(name) as first[name]:
            assert models._locks[places[name]].locked()
        assert not models._locks[places[name]].locked()
    assert max(held) < 2  # room is made before a model is loaded, not after
    with models.borrowed("three") as again:
        assert again is first["three"]
    with models.borrowed("one") as again:
        assert again is not first["one"]  # it had to make room
