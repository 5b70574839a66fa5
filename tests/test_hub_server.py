"""Files go up to the test Hub and come down again, as the real client, `hf` and transformers do it, faults included."""

import hashlib
import json
import random
import re
import subprocess
import sys
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
import torch
from hub_client import CARD, commit, hf, python, send, status
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, RemoteEntryNotFoundError
from tiny import LLAMA, build
from transformers import AutoModelForCausalLM, AutoTokenizer

pytestmark = pytest.mark.wide
PUSH = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
AutoTokenizer.from_pretrained(sys.argv[1]).push_to_hub("ada/tiny", private=True)
for _ in range(2):
    model.push_to_hub("ada/tiny", private=True)
again = AutoModelForCausalLM.from_pretrained("ada/tiny").state_dict()
assert all(torch.equal(again[name], value) for name, value in model.state_dict().items())
"""
UPLOAD = """
import sys, huggingface_hub as hub
hub.create_repo("ada/tiny", private=True)
hub.upload_file(repo_id="ada/tiny", path_or_fileobj=sys.argv[1] + "/tokenizer.json", path_in_repo="tokenizer.json")
for _ in range(2):
    hub.upload_folder(repo_id="ada/tiny", folder_path=sys.argv[1])
"""
FETCH = "import huggingface_hub as hub; print(hub.snapshot_download('ada/tiny'))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tokenizer):
    folder = tmp_path_factory.mktemp("model")
    build("LlamaConfig", **LLAMA).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("code", "xet"), [(PUSH, True), (UPLOAD, False)], ids=["xet", "lfs"])
def test_model_comes_back_bit_equal_by_either_way(hub, folder, code, xet):
    python(hub, code, str(folder), xet=xet)
    assert hub.files("ada/tiny")["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert len(hub.commits("ada/tiny")) == 3  # the first one, the tokenizer, the model; none for the second time
    assert bool(hub.asked("GET", "/xet-write-token/")) == xet
    assert bool(hub.asked("PUT", "^/lfs/")) == (not xet)
    other = python(hub, FETCH, xet=not xet, home=hub.folder / "elsewhere")  # up by one way, down by the other
    assert bool(hub.asked("GET", "/resolve/.*/model.safetensors")) == xet
    before, after = (AutoModelForCausalLM.from_pretrained(path).state_dict() for path in (folder, other))
    assert before.keys() == after.keys() and all(torch.equal(after[name], value) for name, value in before.items())
    assert AutoTokenizer.from_pretrained(other)("fair")["input_ids"] == [ord(letter) for letter in "fair"]


def test_unchanged_files_make_no_commit_and_changed_ones_do(hub, ada):
    files = {"README.md": CARD, "model.safetensors": b"\0weights"}
    ada.create_repo("ada/tiny")
    first = commit(ada, files).oid
    assert commit(ada, files).oid == first
    assert len(hub.asked("POST", "/commit/")) == 1
    second = commit(ada, files | {"model.safetensors": b"\0other"}).oid
    assert [made.oid for made in hub.commits("ada/tiny")][:2] == [second, first]
    assert hub.files("ada/tiny", first) == files


def test_commit_takes_every_operation_or_none(hub, ada):
    ada.create_repo("ada/tiny")
    before = commit(ada, {"a.txt": b"a", "old/b.txt": b"b"}).oid
    wrong = [CommitOperationAdd("c.txt", b"c"), CommitOperationDelete("missing.txt")]
    with pytest.raises(RemoteEntryNotFoundError):
        ada.create_commit("ada/tiny", wrong, commit_message="Half wrong")
    assert hub.commits("ada/tiny")[0].oid == before and hub.files("ada/tiny") == {"a.txt": b"a", "old/b.txt": b"b"}
    right = [CommitOperationAdd("c.txt", b"c"), CommitOperationDelete("old/")]
    ada.create_commit("ada/tiny", right, commit_message="Right")
    assert hub.files("ada/tiny") == {"a.txt": b"a", "c.txt": b"c"}


def test_commit_names_only_what_was_uploaded(hub, ada):
    ada.create_repo("ada/tiny")
    lines = [{"key": "header", "value": {"summary": "x"}}]
    lines += [{"key": "lfsFile", "value": {"path": "m.bin", "algo": "sha256", "oid": "0" * 64, "size": 1}}]
    body = "\n".join(map(json.dumps, lines)).encode()
    with pytest.raises(urllib.error.HTTPError) as error:
        send(hub, "POST", "/api/models/ada/tiny/commit/main", body)
    assert error.value.code == 400 and hub.files("ada/tiny") == {}


def test_upload_is_what_its_hash_says(hub, ada):
    ada.create_repo("ada/tiny")
    oid = hashlib.sha256(b"\0right").hexdigest()
    body = json.dumps({"objects": [{"oid": oid, "size": 6}]}).encode()
    (told,) = json.loads(send(hub, "POST", "/ada/tiny.git/info/lfs/objects/batch", body))["objects"]
    where = told["actions"]["upload"]["href"].removeprefix(hub.url)
    for path, data, code in ((where, b"\0wrong", 400), (where[:-1], b"\0right", 403)):
        with pytest.raises(urllib.error.HTTPError) as error:
            send(hub, "PUT", path, data, user=None)
        assert error.value.code == code
    send(hub, "PUT", where, b"\0right", user=None)
    commit(ada, {"m.bin": b"\0right"})
    assert hub.files("ada/tiny") == {"m.bin": b"\0right"}


def test_of_many_commits_on_one_parent_one_is_made(hub, ada):
    ada.create_repo("ada/tiny")
    parent = commit(ada, {"a.txt": b"a"}).oid

    def attempt(n: int) -> int:
        try:
            commit(ada, {"a.txt": b"%d" % n}, parent_commit=parent)
        except HfHubHTTPError as error:
            return error.response.status_code
        return 200

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(8))) == [200] + [412] * 7
    assert len(hub.commits("ada/tiny")) == 3


def test_dataset_is_no_model_and_many_chunks_stay_in_order(hub, ada, tmp_path):
    data = random.Random(0).randbytes(1_000_000) * 2 + b"end"
    ada.create_repo("ada/tiny", repo_type="dataset")
    commit(ada, {"README.md": CARD, "data.bin": data}, repo_type="dataset")
    found = ada.snapshot_download("ada/tiny", repo_type="dataset", cache_dir=tmp_path)
    assert (Path(found) / "data.bin").read_bytes() == data
    assert ada.dataset_info("ada/tiny").sha == hub.repo("ada/tiny", "dataset").refs["refs/heads/main"]
    assert not hub.exists("ada/tiny") and not ada.repo_exists("ada/tiny")


def test_stale_parent_is_refused_but_may_start_a_pull_request(hub, ada):
    ada.create_repo("ada/tiny")
    stale = commit(ada, {"a.txt": b"a"}).oid
    newer = hub.put("ada/tiny", {"a.txt": b"b"})
    with pytest.raises(HfHubHTTPError) as error:
        commit(ada, {"a.txt": b"c"}, parent_commit=stale)
    assert status(error) == 412 and hub.commits("ada/tiny")[0].oid == newer
    pull = commit(ada, {"a.txt": b"c"}, parent_commit=stale, create_pr=True)
    assert hub.commits("ada/tiny", pull.pr_revision)[1].oid == stale
    assert commit(ada, {"a.txt": b"d"}, parent_commit=newer).oid == hub.commits("ada/tiny")[0].oid


def test_a_part_of_a_file_can_be_asked_for(hub):
    hub.put("ada/tiny", {"a.txt": b"0123456789"})
    request = urllib.request.Request(f"{hub.url}/ada/tiny/resolve/main/a.txt", headers={"Range": "bytes=2-4"})
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, answer.read(), answer.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")


# What goes wrong on demand


def test_fault_comes_as_often_as_asked_and_the_client_tries_again(hub, ada):
    ada.create_repo("ada/tiny")
    fault = hub.fault("POST", "/preupload/", status=500)
    commit(ada, {"a.txt": b"a"})
    assert [row.status for row in hub.asked("POST", "/preupload/")] == [500, 200] and fault.left == 0
    hub.fault("POST", "/commit/main$", status=503, times=2)  # a commit is not tried again by the client
    for _ in range(2):
        with pytest.raises(HfHubHTTPError) as error:
            commit(ada, {"a.txt": b"b"})
        assert status(error) == 503
    assert hub.files("ada/tiny") == {"a.txt": b"a"}
    commit(ada, {"a.txt": b"b"})
    assert hub.files("ada/tiny") == {"a.txt": b"b"}


@pytest.mark.parametrize("how", [{"status": 504}, {"drop": True}], ids=["504", "dropped"])
def test_lost_answer_leaves_the_commit_that_was_made(hub, ada, how):
    ada.create_repo("ada/tiny")
    hub.fault("POST", "/commit/", after=True, **how)
    with pytest.raises((HfHubHTTPError, httpx2.RemoteProtocolError, httpx2.NetworkError)):
        commit(ada, {"a.txt": b"a"})
    assert hub.files("ada/tiny") == {"a.txt": b"a"}
    assert commit(ada, {"a.txt": b"a"}).oid == hub.commits("ada/tiny")[0].oid
    assert [row.status for row in hub.asked("POST", "/commit/")] == [how.get("status", 0)]


def test_slow_answer_runs_into_the_timeout(hub, ada):
    hub.put("ada/tiny", {"a.txt": b"a"})
    hub.fault("GET", "/api/models/ada/tiny$", delay=0.5)
    with pytest.raises(httpx2.TimeoutException):
        ada.model_info("ada/tiny", timeout=0.1)
    assert ada.model_info("ada/tiny", timeout=5).id == "ada/tiny"


def test_page_of_a_gateway_is_not_json(hub, ada):
    ada.create_repo("ada/tiny")
    hub.fault("POST", "/validate-yaml", status=502, body="<html>Bad gateway</html>")
    with pytest.raises(json.JSONDecodeError):  # the client reads the answer before its status
        commit(ada, {"README.md": CARD})
    assert hub.files("ada/tiny") == {} and hub.asked("POST", "/validate-yaml")[0].status == 502


def test_cut_download_goes_on_where_it_stopped(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100_000)  # it keeps whole chunks only
    data = bytes(range(32, 127)) * 10_000
    hub.put("ada/tiny", {"a.txt": data})
    hub.fault("GET", "/a.txt", cut=300_000)
    found = hf_hub_download("ada/tiny", "a.txt", endpoint=hub.url, cache_dir=tmp_path, token=False)
    assert Path(found).read_bytes() == data
    deadline = time.monotonic() + 10  # an answer is noted once it was sent whole, which may be after it was read
    while len(hub.asked("GET", "/a.txt")) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [row.status for row in hub.asked("GET", "/a.txt")] == [200, 206]


def test_fault_that_changes_nothing_is_a_mistake(hub):
    with pytest.raises(AssertionError, match="nothing would go wrong"):
        hub.fault("GET", "/")


# The hf command


def test_hf_command(hub, ada, folder, tmp_path):
    assert json.loads(hf(hub, "auth", "whoami", "--format", "json").stdout)["user"] == "ada"
    assert hf(hub, "repos", "create", "ada/tiny", "--private").returncode == 0
    done = hf(hub, "upload", "ada/tiny", str(folder), ".")
    assert done.returncode == 0, done.stderr
    assert hub.files("ada/tiny") == {file.name: file.read_bytes() for file in folder.iterdir()}
    ada.create_tag("ada/tiny", tag="v1")
    hub.put("ada/tiny", {"config.json": b"{}"})
    told = json.loads(hf(hub, "models", "info", "ada/tiny", "--format", "json").stdout)
    assert (told["id"], told["sha"], told["private"]) == ("ada/tiny", hub.commits("ada/tiny")[0].oid, True)
    local = tmp_path / "local"
    assert hf(hub, "download", "ada/tiny", "--revision", "v1", "--local-dir", str(local)).returncode == 0
    assert all((local / file.name).read_bytes() == file.read_bytes() for file in folder.iterdir())
    verify = ("cache", "verify", "ada/tiny", "--revision", "v1", "--local-dir", str(local), "--fail-on-missing-files")
    assert hf(hub, *verify).returncode == 0
    (local / "config.json").write_text("{}")
    assert hf(hub, *verify).returncode == 1


def test_hf_command_fails_without_telling_a_token(hub):
    hub.put("ada/tiny", {"a.txt": b"a"}, private=True)
    for user in ("bob", None):
        done = hf(hub, "download", "ada/tiny", user=user)
        assert done.returncode == 1 and "Model 'ada/tiny' not found" in done.stderr
        assert hub.token("bob") not in done.stdout + done.stderr
    assert hub.token("bob") not in repr(hub.log) and hub.asked("GET", "/api/models/ada/tiny")


def test_server_runs_as_a_program(tmp_path):
    words = [sys.executable, "-m", "hub_server", "0", str(tmp_path)]
    with subprocess.Popen(words, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True) as server:
        try:
            told = json.loads(server.stdout.readline())
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", told["url"])
            assert HfApi(endpoint=told["url"], token=told["tokens"]["bob"]).whoami()["name"] == "bob"
        finally:
            server.terminate()


def test_the_licence_of_a_base_model_comes_with_it(hub, ada, folder):
    ada.create_repo("ada/base")
    ada.upload_folder(repo_id="ada/base", folder_path=folder)
    commit(ada, {"README.md": b"---\nlicense: llama3.2\n---\n# Base\n"}, "ada/base")
    told = "from fairhub.model.loading import load; print(load('ada/base').licence)"
    assert python(hub, told).splitlines()[-1] == "llama3.2"
