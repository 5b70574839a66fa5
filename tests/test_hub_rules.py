"""The test Hub keeps the rules of the Hub: who may do what, where refs point, what a page says."""

from pathlib import Path

import pytest
from hub_client import CARD, commit, python, status
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

pytestmark = pytest.mark.wide
PROPOSE = """
import huggingface_hub as hub
change = hub.CommitOperationAdd("model.safetensors", bytes(9))
print(hub.create_commit("ada/tiny", [change], commit_message="Better", create_pr=True).pr_revision)
"""


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


def test_pull_request_may_bring_large_files_by_lfs(hub):
    hub.put("ada/tiny", {"model.safetensors": b"\0weights"})
    assert python(hub, PROPOSE, user="bob", xet=False) == "refs/pr/1"
    assert hub.files("ada/tiny", "refs/pr/1")["model.safetensors"] == bytes(9) and hub.asked("PUT", "^/lfs/")
    assert hub.files("ada/tiny")["model.safetensors"] == b"\0weights"
    assert [(row.author, row.status) for row in hub.discussions("ada/tiny")] == [("bob", "open")]


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
