"""Lies about a run of the default method, and what lies beside a published model on the Hub."""

import shutil

import pytest
from lying import LIES, different, tell, told
from published import erased, made, offline_
from wide import one_in, wide_but

from fairhub import publish as publisher
from fairhub.errors import UserError
from fairhub.publish.reproduce import Mine, reproduce


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    offline_(monkeypatch)
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))


ERASED = ("random weights with their hashes", "a random projection with its hash", "one tensor a little other",
          "another epsilon", "another vocabulary", "wide intervals", "no figures", "another item")  # fmt: skip


@pytest.mark.parametrize(
    "lie", [*wide_but((None, ERASED[0]), ERASED[0]), *(pytest.param(lie, marks=pytest.mark.slow) for lie in ERASED[1:])]
)
def test_a_lie_about_the_default_method_comes_out_different(lie, tmp_path):
    base, text, honest = erased()
    run = shutil.copytree(honest, tmp_path / "run")
    if lie:
        LIES[lie][0](run)
    wrong = different(reproduce(str(run), quick=True, mine=Mine(str(base), text=text)))
    assert (LIES[lie][1] in wrong) if lie else not wrong


@pytest.mark.wide
def test_another_strength_of_erasure_is_another_model(tmp_path):
    base, text, honest = erased()
    run = shutil.copytree(honest, tmp_path / "run")
    for name in ("recipe.json", "report.json"):
        record = told(run, name)
        record["healing"]["strength"] *= 2
        tell(run, name, record)
    wrong = different(reproduce(str(run), quick=True, mine=Mine(str(base), text=text)))
    assert {"published tensors", "logits made again"} <= wrong


@pytest.mark.parametrize(
    "name", one_in(4, ("pytorch_model.bin", "adapter_config.json", "tokenizer.model", "more.safetensors"))
)
def test_what_loaders_would_read_on_the_hub_is_refused_before_it_is_fetched(hub, ada, name):
    run = made()[2]
    publisher.publish(run, "ada/fair", api=ada)
    assert (publisher.fetch("ada/fair", weights=True, api=ada) / "model.safetensors").is_file()
    hub.put("ada/fair", {name: b"theirs"})
    with pytest.raises(UserError, match=r"ada/fair has \S+(, which may run code| too, which loaders read)"):
        publisher.fetch("ada/fair", weights=True, api=ada)
    assert not hub.asked("GET", f"/resolve/.*/{name}")
