"""The test Hub keeps the laws of the Hub, as the real client, the `hf` command and transformers see them."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import httpx2
import pytest
import torch
from conftest import LLAMA, build
from hub_server import HubServer
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from transformers import AutoModelForCausalLM, AutoTokenizer

CARD = b"---\nlicense: mit\nlibrary_name: transformers\ntags: [fair]\nbase_model: org/base\n---\n# Tiny\n"
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


@pytest.fixture
def hub(tmp_path):
    with HubServer(tmp_path / "server") as server:
        yield server


@pytest.fixture
def ada(hub):
    return HfApi(endpoint=hub.url, token=hub.token("ada"))


@pytest.fixture
def bob(hub):
    return HfApi(endpoint=hub.url, token=hub.token("bob"))


@pytest.fixture
def nobody(hub):
    return HfApi(endpoint=hub.url, token=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tokenizer):
    folder = tmp_path_factory.mktemp("model")
    build("LlamaConfig", **LLAMA).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def commit(api: HfApi, files: dict[str, bytes], repo: str = "ada/tiny", **options):
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    return api.create_commit(repo, operations, commit_message="A change", **options)


def run(hub: HubServer, words: list[str], user: str | None = "ada", **options) -> subprocess.CompletedProcess:
    environment = hub.environment(user, **options) | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=50)


def python(hub: HubServer, code: str, *words: str, **options) -> str:
    done = run(hub, [sys.executable, "-c", code, *words], **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def hf(hub: HubServer, *words: str, **options) -> subprocess.CompletedProcess:
    return run(hub, [str(Path(sys.executable).parent / "hf"), *words], **options)


def status(error: pytest.ExceptionInfo) -> int:
    return error.value.response.status_code


# Up and down


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
    headers = {"Authorization": f"Bearer {hub.token('ada')}"}
    request = urllib.request.Request(f"{hub.url}/api/models/ada/tiny/commit/main", body, headers)
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == 400 and hub.files("ada/tiny") == {}


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


# Who may


def test_tokens_say_who_one_is_and_a_wrong_one_is_refused(hub, ada, nobody):
    assert ada.whoami()["name"] == "ada" and [org["name"] for org in ada.whoami()["orgs"]] == ["lab"]
    hub.put("ada/tiny", {"a.txt": b"a"})
    stranger = HfApi(endpoint=hub.url, token="hf_wrong")
    with pytest.raises(HfHubHTTPError, match="Invalid user token") as error:
        stranger.whoami()
    assert status(error) == 401
    with pytest.raises(HfHubHTTPError, match="Invalid credentials") as error:
        stranger.model_info("ada/tiny")
    assert status(error) == 401 and nobody.model_info("ada/tiny").id == "ada/tiny"


def test_private_repository_looks_like_none_to_others(hub, ada, bob, nobody):
    ada.create_repo("ada/tiny", private=True)
    assert ada.model_info("ada/tiny").private
    for api, code in ((bob, 404), (nobody, 401)):
        for name in ("ada/tiny", "ada/none"):
            with pytest.raises(RepositoryNotFoundError) as error:
                api.model_info(name)
            assert status(error) == code
        assert list(api.list_models(author="ada")) == []
    ada.update_repo_settings("ada/tiny", private=False)
    assert not bob.model_info("ada/tiny").private and [row.id for row in bob.list_models(author="ada")] == ["ada/tiny"]


def test_gated_repository_shows_its_page_but_not_its_files(hub, ada, bob, nobody, tmp_path):
    hub.put("ada/tiny", {"model.safetensors": b"\0weights"}, gated=True)
    for api, code in ((bob, 403), (nobody, 401)):
        assert api.model_info("ada/tiny").gated == "auto"
        with pytest.raises(GatedRepoError) as error:
            api.auth_check("ada/tiny")
        assert status(error) == code
        with pytest.raises(GatedRepoError):
            api.hf_hub_download("ada/tiny", "model.safetensors", cache_dir=tmp_path / str(code))
    ada.grant_access("ada/tiny", "bob")
    for api in (ada, bob):
        file = api.hf_hub_download("ada/tiny", "model.safetensors", cache_dir=tmp_path / "let in")
        assert Path(file).read_bytes() == b"\0weights"


def test_writing_to_a_foreign_namespace_is_refused(hub, ada, bob, nobody):
    ada.create_repo("lab/shared")  # of an organization
    ada.create_repo("ada/tiny")
    before = commit(ada, {"a.txt": b"a"}).oid
    reader = HfApi(endpoint=hub.url, token=hub.token("ada", "read"))
    for api, code in ((bob, 403), (reader, 403), (nobody, 401)):
        for attempt in (
            lambda api=api: api.create_repo("ada/other"),
            lambda api=api: api.create_repo("lab/other"),
            lambda api=api: commit(api, {"a.txt": b"b"}),
            lambda api=api: commit(api, {"m.bin": b"\0b"}),
            lambda api=api: api.create_tag("ada/tiny", tag="v1"),
            lambda api=api: api.update_repo_settings("ada/tiny", private=True),
            lambda api=api: api.delete_repo("ada/tiny"),
        ):
            with pytest.raises(HfHubHTTPError) as error:
                attempt()
            assert status(error) == code
    assert hub.commits("ada/tiny")[0].oid == before and set(hub.refs("ada/tiny")) == {"refs/heads/main"}
    assert not hub.exists("ada/other") and not hub.exists("lab/other") and not hub.repo("ada/tiny").private


def test_repository_is_created_once_and_deleted(hub, ada):
    url = ada.create_repo("ada/tiny")
    with pytest.raises(HfHubHTTPError) as error:
        ada.create_repo("ada/tiny")
    assert status(error) == 409
    assert ada.create_repo("ada/tiny", exist_ok=True) == url == f"{hub.url}/ada/tiny"
    ada.delete_repo("ada/tiny")
    assert not hub.exists("ada/tiny") and not ada.repo_exists("ada/tiny")


# Refs and pull requests


def test_pull_request_of_a_stranger_leaves_main_alone_until_the_owner_merges(hub, ada, bob):
    hub.put("ada/tiny", {"a.txt": b"a", "model.safetensors": b"\0weights"})
    files = {"a.txt": b"better", "model.safetensors": b"\0better"}
    pull = commit(bob, files, create_pr=True)
    assert pull.pr_revision == "refs/pr/1" and hub.files("ada/tiny", "refs/pr/1") == files
    assert hub.files("ada/tiny")["a.txt"] == b"a"
    commit(bob, {"c.txt": b"c"}, revision=pull.pr_revision)  # its author may add to it
    with pytest.raises(HfHubHTTPError) as error:
        bob.merge_pull_request("ada/tiny", 1)
    assert status(error) == 403 and hub.files("ada/tiny")["a.txt"] == b"a"
    hub.put("ada/tiny", {"d.txt": b"d"})
    ada.merge_pull_request("ada/tiny", 1)
    assert hub.files("ada/tiny") == files | {"c.txt": b"c", "d.txt": b"d"}
    told = ada.get_discussion_details("ada/tiny", 1)
    assert told.status == "merged" and told.merge_commit_oid == hub.commits("ada/tiny")[0].oid
    assert [row.title for row in bob.get_repo_discussions("ada/tiny", discussion_status="closed")] == ["A change"]


def test_draft_or_conflicting_pull_request_is_not_merged(hub, ada, bob):
    hub.put("ada/tiny", {"a.txt": b"a"})
    draft = bob.create_pull_request("ada/tiny", title="Better", description="It is")
    assert draft.status == "draft" and draft.events[0].content == "It is"
    commit(bob, {"a.txt": b"b"}, revision=draft.git_reference)
    for attempt in ("draft", "conflict"):
        with pytest.raises(HfHubHTTPError) as error:
            ada.merge_pull_request("ada/tiny", draft.num)
        assert status(error) == {"draft": 400, "conflict": 409}[attempt]
        bob.change_discussion_status("ada/tiny", draft.num, "open")
        hub.put("ada/tiny", {"a.txt": b"c"})
    assert ada.get_discussion_details("ada/tiny", draft.num).conflicting_files == ["a.txt"]
    assert hub.files("ada/tiny") == {"a.txt": b"c"}


def test_tag_stays_and_branch_moves(hub, ada, tmp_path):
    ada.create_repo("ada/tiny")
    commit(ada, {"a.txt": b"first"})
    ada.create_tag("ada/tiny", tag="v1.0")
    ada.create_branch("ada/tiny", branch="trial/1")
    commit(ada, {"a.txt": b"trial"}, revision="trial/1")
    commit(ada, {"a.txt": b"second"})
    for revision, expected in (("v1.0", b"first"), ("trial/1", b"trial"), ("main", b"second")):
        found = snapshot_download("ada/tiny", revision=revision, endpoint=hub.url, cache_dir=tmp_path, token=False)
        assert (Path(found) / "a.txt").read_bytes() == expected
    with pytest.raises(HfHubHTTPError) as error:
        ada.create_tag("ada/tiny", tag="v1.0")
    assert status(error) == 409
    refs = ada.list_repo_refs("ada/tiny", include_pull_requests=True)
    assert [row.name for row in refs.branches + refs.tags] == ["main", "trial/1", "v1.0"]
    ada.delete_tag("ada/tiny", tag="v1.0")
    with pytest.raises(RevisionNotFoundError):
        ada.model_info("ada/tiny", revision="v1.0")


# What a page says


def test_page_tells_card_files_and_history(hub, ada, nobody):
    result = b"- dataset:\n    id: org/probes\n    task_id: gender\n  value: 0.5\n"
    hub.put("ada/tiny", {"README.md": CARD, "sub/model.safetensors": b"\0w", ".eval_results/bias.yaml": result})
    info = nobody.model_info("ada/tiny", files_metadata=True)
    assert info.sha == hub.commits("ada/tiny")[0].oid and info.card_data.license == "mit"
    assert {"fair", "license:mit", "base_model:org/base", "safetensors"} <= set(info.tags)
    assert [(entry.dataset_id, entry.value) for entry in info.eval_results] == [("org/probes", 0.5)]
    (weights,) = [file for file in info.siblings if file.lfs]
    assert (weights.rfilename, weights.size) == ("sub/model.safetensors", 2)
    (row,) = nobody.get_paths_info("ada/tiny", ["sub/model.safetensors", "none"], expand=True)
    assert row.lfs.sha256 == weights.lfs.sha256 and row.last_commit.title == "From elsewhere"
    assert [item.path for item in nobody.list_repo_tree("ada/tiny", "sub")] == ["sub/model.safetensors"]
    assert "sub" in [item.path for item in nobody.list_repo_tree("ada/tiny")]
    assert [row.title for row in nobody.list_repo_commits("ada/tiny")] == ["From elsewhere", "initial commit"]


def test_missing_file_and_missing_revision_differ(hub, nobody, tmp_path):
    hub.put("ada/tiny", {"a.txt": b"a"})
    with pytest.raises(RemoteEntryNotFoundError):
        nobody.hf_hub_download("ada/tiny", "none.txt", cache_dir=tmp_path)
    with pytest.raises(RevisionNotFoundError):
        nobody.hf_hub_download("ada/tiny", "a.txt", revision="none", cache_dir=tmp_path)


@pytest.mark.parametrize(
    "card",
    [
        b"---\nlicense: [mit\n---\n",
        b"---\nlicense: 3\n---\n",
        b"---\nmodel-index:\n- name: tiny\n  results:\n  - task: {type: text-generation}\n    metrics: []\n---\n",
    ],
    ids=["yaml", "type", "model-index"],
)
def test_card_that_the_hub_would_not_take_stops_the_commit(hub, ada, card):
    ada.create_repo("ada/tiny")
    with pytest.raises(ValueError, match="Invalid metadata in README.md"):
        commit(ada, {"README.md": card, "a.txt": b"a"})
    assert hub.files("ada/tiny") == {}
    assert commit(ada, {"README.md": CARD}).oid == hub.commits("ada/tiny")[0].oid  # positive control


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


def test_cut_download_goes_on_where_it_stopped(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100_000)  # it keeps whole chunks only
    data = bytes(range(32, 127)) * 10_000
    hub.put("ada/tiny", {"a.txt": data})
    hub.fault("GET", "/a.txt", cut=300_000)
    found = hf_hub_download("ada/tiny", "a.txt", endpoint=hub.url, cache_dir=tmp_path, token=False)
    assert Path(found).read_bytes() == data
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
