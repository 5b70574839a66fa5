"""Publishing: one commit or nothing, nothing twice, no token in any output; against the test Hub, by both paths."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from hub_client import fairhub_command, hf, silent
from huggingface_hub import HfApi, ModelCard
from published import made
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from fairhub import publish as publisher
from fairhub.errors import UserError
from fairhub.model.facts import tensor_hash
from fairhub.proof.recipe import tolerance
from fairhub.publish.wheel import wheel

EXPECTED = {"README.md", "model.safetensors", "config.json", "tokenizer.json", "reproduce.py"}
EXPECTED |= {"fairhub/report.json", "fairhub/recipe.json", "fairhub/items.npz", wheel().path, "figures/by_axis.png"}


@pytest.fixture
def folder():
    return made()[2]


@pytest.mark.parametrize("xet", [pytest.param(True, id="xet"), pytest.param(False, id="lfs", marks=pytest.mark.slow)])
@pytest.mark.wide
def test_a_run_is_published_in_one_commit_and_comes_back_equal(hub, folder, tmp_path, xet):
    done = fairhub_command(hub, "publish", folder, "--to", "ada/fair", "--tag", "v1", xet=xet)
    assert done.returncode == 0, done.stderr
    silent(hub, done)
    assert "model.safetensors" in done.stdout and "published" in done.stdout
    assert set(hub.files("ada/fair")) >= EXPECTED
    assert len(hub.commits("ada/fair")) == 2  # the one it came with, and ours
    assert "refs/tags/v1" in hub.refs("ada/fair")
    assert hf(hub, "download", "ada/fair", "--local-dir", str(tmp_path / "copy"), xet=xet).returncode == 0
    ids = torch.randint(3, 1000, (2, 30), generator=torch.Generator().manual_seed(0))
    models = [AutoModelForCausalLM.from_pretrained(place).eval() for place in (folder / "model", tmp_path / "copy")]
    with torch.no_grad():
        assert torch.equal(models[0](ids).logits, models[1](ids).logits)
    assert hf(hub, "cache", "verify", "ada/fair", "--local-dir", str(tmp_path / "copy")).returncode == 0
    before = hub.commits("ada/fair")
    again = fairhub_command(hub, "publish", folder, "--to", "ada/fair", "--tag", "v1", xet=xet)
    assert again.returncode == 0 and "nothing had changed" in again.stdout
    assert [c.oid for c in hub.commits("ada/fair")] == [c.oid for c in before]


def test_the_card_is_read_by_the_hub_with_its_metadata(hub, ada, folder):
    publisher.publish(folder, "ada/fair", api=ada)
    card = ModelCard(hub.files("ada/fair")["README.md"].decode())
    info = ada.model_info("ada/fair")
    assert info.card_data.library_name == card.data.library_name == "transformers"
    assert {"fairhub", "robust"} <= set(info.card_data.tags)
    assert info.card_data.eval_results and card.data.eval_results


def test_private_stays_private(hub, ada, nobody, folder):
    publisher.publish(folder, "ada/hidden", private=True, api=ada)
    assert hub.repo("ada/hidden").private
    with pytest.raises(UserError, match="must exist and be open"):
        publisher.fetch("ada/hidden", weights=False, api=nobody)


def test_what_is_public_already_is_no_place_for_what_shall_be_private(hub, ada, folder):
    hub.put("ada/open", {"old.txt": b"old"})
    hub.put("ada/hidden", {"old.txt": b"old"}, private=True)
    for way in ({}, {"pr": True}):
        with pytest.raises(UserError, match="^--private makes a new repository private; ada/open is there and public"):
            publisher.publish(folder, "ada/open", private=True, api=ada, **way)
    assert set(hub.files("ada/open")) == {"old.txt"}
    assert publisher.publish(folder, "ada/hidden", private=True, api=ada).changed and hub.repo("ada/hidden").private


def test_gated_says_so(hub, bob, folder):
    hub.put("ada/gate", {"fairhub/recipe.json": b"{}"}, gated=True)
    with pytest.raises(UserError, match="gated; this account has not been let in"):
        publisher.fetch("ada/gate", weights=False, api=bob)


def test_a_pull_request_to_someone_else_is_opened_once(hub, bob, folder):
    hub.put("ada/theirs", {"README.md": b"---\nlicense: mit\n---\nTheirs\n"})
    first = publisher.publish(folder, "ada/theirs", pr=True, api=bob)
    assert "/discussions/" in first.url and first.changed
    assert set(hub.files("ada/theirs")) == {"README.md"}
    assert set(hub.files("ada/theirs", hub.discussions("ada/theirs")[0].ref)) >= EXPECTED
    again = publisher.publish(folder, "ada/theirs", pr=True, api=bob)
    assert not again.changed and len(hub.discussions("ada/theirs")) == 1


def test_recipe_only_sends_no_weights(hub, ada, folder):
    publisher.publish(folder, "ada/recipe", weights=False, api=ada)
    files = hub.files("ada/recipe")
    assert "fairhub/recipe.json" in files and not any(name.endswith(".safetensors") for name in files)
    assert b"from_pretrained(" not in files["README.md"]


def test_no_folder_of_this_machine_is_published(hub, ada, folder):
    publisher.publish(folder, "ada/fair", api=ada)
    home = str(made()[0].parent)
    assert not [name for name, inside in hub.files("ada/fair").items() if home.encode() in inside]
    recipe = json.loads((folder / "recipe.json").read_text())
    assert home in json.dumps(recipe["settings"])  # positive control: the run itself has it


@pytest.mark.wide
def test_a_dry_run_sends_nothing_and_needs_no_network(hub, folder):
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    words = [sys.executable, "-m", "fairhub", "publish", str(folder), "--to", "ada/fair", "--dry-run"]
    environment = hub.environment(None) | nowhere
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "would publish ada/fair" in done.stdout and "nothing was sent" in done.stdout
    assert not hub.log


FAULTS = {
    "stale": (dict(method="POST", path="/commit/", status=412), "someone else changed ada/fair meanwhile"),
    "500 at the commit": (dict(method="POST", path="/commit/", status=500), "the Hub answered 500; nothing was"),
    "500 at once": (dict(method="GET", path="/api/models/ada/fair", status=503, times=9), "the Hub answered 503"),
    "dropped": (dict(method="POST", path="/commit/", drop=True), "publishing needs the Hub; it failed"),
    "slow": (dict(method="POST", path="/commit/", delay=3), "did not answer in time; nothing was published"),
    "a page for JSON": (dict(method="POST", path="validate-yaml", status=502, body="<html>"), "nothing was published"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_goes_wrong_leaves_nothing_half_published(hub, ada, folder, fault):
    broken, said = FAULTS[fault]
    ada.create_repo("ada/fair")
    before = [c.oid for c in hub.commits("ada/fair")]
    failing = hub.fault(**broken)
    with pytest.raises(UserError, match=said) as error:
        publisher.publish(folder, "ada/fair", api=ada, timeout=1, tag="v1")
    assert "\n" not in str(error.value) and hub.token("ada") not in str(error.value)
    failing.left = 0
    time.sleep(0.1 if "delay" not in broken else 3.5)
    if "delay" not in broken:  # a commit that was only slow may still land, whole
        assert [c.oid for c in hub.commits("ada/fair")] == before
    made_ = publisher.publish(folder, "ada/fair", api=ada, tag="v1")  # the same command goes on
    assert set(hub.files("ada/fair")) >= EXPECTED and len(hub.commits("ada/fair")) == 2
    assert hub.refs("ada/fair")["refs/tags/v1"] == made_.commit


def test_a_500_before_the_commit_is_tried_again(hub, ada, folder):
    hub.fault("POST", "/preupload/", 500)
    assert publisher.publish(folder, "ada/fair", api=ada).changed
    assert len(hub.asked("POST", "/preupload/")) >= 2


@pytest.mark.parametrize("moment", [pytest.param("preupload", marks=pytest.mark.slow), "commit"])
@pytest.mark.wide
def test_a_kill_leaves_nothing_half_published(hub, folder, moment):
    hub.put("ada/fair", {"old.txt": b"old"})
    slow = hub.fault("POST", f"/{moment}/", delay=30)
    words = [sys.executable, "-m", "fairhub", "publish", str(folder), "--to", "ada/fair"]
    process = subprocess.Popen(words, env=hub.environment("ada", xet=False), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while slow.left and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert set(hub.files("ada/fair")) == {"old.txt"}
    hub.watch.faults.clear()
    done = fairhub_command(hub, "publish", folder, "--to", "ada/fair", xet=False)
    assert done.returncode == 0, done.stderr
    assert set(hub.files("ada/fair")) >= EXPECTED


REFUSED = {
    "bad token": ("ada/fair", "hf_wrong", "a valid token; the Hub does not know this one"),
    "foreign": ("bob/fair", None, "needs the right to write there"),
    "no name": ("fair", None, "a repository is called 'org/name'"),
    "bad name": ("ada/fa ir", None, "a repository is called 'org/name'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_mistakes_are_one_clear_line(hub, folder, case):
    to, token, said = REFUSED[case]
    api = HfApi(endpoint=hub.url, token=token or hub.token("ada"))
    with pytest.raises(UserError, match=said) as error:
        publisher.publish(folder, to, api=api)
    assert "\n" not in str(error.value) and str(api.token) not in str(error.value)
    assert not hub.exists(to)


@pytest.mark.wide
def test_the_command_needs_an_account_and_exits_with_2(hub, folder):
    done = fairhub_command(hub, "publish", folder, "--to", "ada/fair", user=None)
    assert done.returncode == 2 and "hf auth login" in done.stderr and "Traceback" not in done.stderr


def test_a_tag_stays_where_it_is(hub, ada, folder):
    hub.put("ada/fair", {"old.txt": b"old"})
    ada.create_tag("ada/fair", tag="v1")
    with pytest.raises(UserError, match="^a tag stays where it is"):
        publisher.publish(folder, "ada/fair", api=ada, tag="v1")


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "run")


def test_a_model_that_is_not_the_measured_one_is_refused(copy, ada):
    file = copy / "model" / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"][0] += 1e-3
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"1 tensors .* differ from the recipe \(model.norm.weight\)"):
        publisher.publish(copy, "ada/fair", dry_run=True)


def test_logits_may_lie_as_far_apart_as_their_type_rounds(copy):
    recipe = json.loads((copy / "recipe.json").read_text())
    stored = load_file(copy / "model" / "model.safetensors")

    def away(by, dtype):
        mark = recipe["fingerprint"]
        shifted = [[value + by for value in mark["logits"][0]], *mark["logits"][1:]]
        tensors = {name: tensor.to(getattr(torch, dtype)) for name, tensor in stored.items()}
        save_file(tensors, copy / "model" / "model.safetensors", metadata={"format": "pt"})
        changed = {
            "weights": {name: tensor_hash(tensors[name]) for name in recipe["weights"]},
            "fingerprint": mark | {"logits": shifted, "sha256": "of others"},
            "base_model": recipe["base_model"] | {"dtype": dtype},
        }
        (copy / "recipe.json").write_text(json.dumps(recipe | changed))
        return copy

    for by, dtype in ((5e-5, "float32"), (0.2, "bfloat16"), (0.2, "float16")):
        publisher.publish(away(by, dtype), "ada/fair", dry_run=True)
    for by, dtype in ((0.2, "float32"), (0.8, "bfloat16")):
        with pytest.raises(UserError, match="logits of .* from the recorded ones"):
            publisher.publish(away(by, dtype), "ada/fair", dry_run=True)
    assert tolerance("float32", healed=False) < tolerance("float32", healed=True) < tolerance("bfloat16", healed=False)


def test_unfinished_and_foreign_folders_are_refused(copy, tmp_path):
    with pytest.raises(UserError, match="has none; name the --out of a repair"):
        publisher.publish(tmp_path, "ada/fair", dry_run=True)
    (copy / "report.json").unlink()
    (copy / "work").mkdir()
    with pytest.raises(UserError, match="is not finished; --resume it"):
        publisher.publish(copy, "ada/fair", dry_run=True)
