"""A repair as a job on the Hub: shown first, submitted only when asked, with the same options and no token in sight."""

import shlex

import pytest
from huggingface_hub import HfApi

from fairhub.errors import UserError
from fairhub.publish.jobs import job, submit
from fairhub.publish.wheel import wheel

WORDS = ["Qwen/Qwen2.5-0.5B", "--axis", "gender", "--axis", "race", "--no-heal", "--budget", "0.01", "--shrink"]


def test_a_job_is_shown_and_not_submitted(command, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(HfApi, "run_job", lambda *_, **__: pytest.fail("submitted"))
    code, out, _ = command("repair", *WORDS, "--out", "elsewhere", "--on-jobs", "l4x1", "--to", "org/fair")
    assert code == 0 and "nothing was submitted" in out and "hf_secret" not in out
    steps = out.split(" && ")
    made = wheel()
    assert f"org/fair/resolve/main/{made.path}" in out and f"{made.sha256}  {made.name}" in out
    assert "fairhub==" not in out and f"uv pip install --quiet {made.name}" in out
    repair = next(step for step in steps if "fairhub repair" in step)
    assert shlex.split(repair) == ["uv", "run", "fairhub", "repair", *_sorted(WORDS), "--out", "runs/job"]
    assert steps[-1].splitlines()[0].endswith("fairhub publish runs/job --to org/fair")
    assert "l4x1" in out and "HF_TOKEN" in out


def _sorted(words):
    """In the order in which the command declares its options."""
    return [words[0], "--axis", "gender", "--axis", "race", "--budget", "0.01", "--no-heal", "--shrink"]


def test_yes_submits_through_the_client(hub, ada, bob):
    made = job("a10g-largex2", ["--axis", "gender"], "ada/fair", wheel(), hub.url)
    url = submit(made, ada)
    assert url == f"{hub.url}/jobs/ada/job1"
    (sent,) = hub.state.jobs
    assert sent["command"] == list(made.command) and sent["flavor"] == "a10g-largex2"
    assert sent["secrets"] == {"HF_TOKEN": ada.token} and ada.token not in str(made)
    assert "accelerate launch --num_processes 2 -m fairhub repair" in made.command[-1]
    assert hub.files("ada/fair")[made.wheel.path] == made.wheel.content  # before the job starts
    theirs = job("l4x1", [], "bob/fair", wheel(), hub.url)
    assert submit(theirs, bob) == f"{hub.url}/jobs/bob/job2"  # in the name of who submits


def test_yes_is_what_submits(command, monkeypatch):
    monkeypatch.setattr("fairhub.publish.jobs.submit", lambda made: f"https://the.hub/jobs/{made.flavor}")
    code, out, _ = command("repair", "--on-jobs", "h200", "--to", "org/fair", "--yes")
    assert code == 0 and "submitted https://the.hub/jobs/h200" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--on-jobs", "abacus", "--to", "org/fair"], "hardware of the Hub"),
        (["--on-jobs", "l4x1"], "--to org/name"),
        (["--on-jobs", "l4x1", "--to", "fair"], "org/name"),
        (["--on-jobs", "l4x1", "--to", "org/fair", "--text", "mine.txt"], "cannot read this machine"),
        (["tests", "--on-jobs", "l4x1", "--to", "org/fair"], "cannot read this machine"),
        (["--on-jobs", "l4x1", "--to", "org/fair", "--rows", "mine"], "--rows names a file here"),
        (["--on-jobs", "l4x1", "--to", "org/fair", "--yes", "--method", "magic"], "a method must be one of"),
        (["--on-jobs", "l4x1", "--to", "org/fair", "--yes", "--axis", "height"], "an axis must be one of"),
        (["--on-jobs", "l4x1", "--to", "org/fair", "--yes", "--context", "space"], "a context must be one of"),
        (["--on-jobs", "l4x1", "--to", "org/fair", "--yes", "--suite", "huge"], "a suite is one of"),
        (["--on-jobs", "l4x1", "--to", "org/fair", "--yes", "--bias", "magic"], "bias must be one of"),
        (["--on-jobs", "l4x1", "--to", "org/fair", "--yes", "--variant", "q=1"], "two_sided has none; leave --variant"),
        (["--to", "org/fair"], "--on-jobs"),
    ],
)
def test_what_no_job_can_do_is_refused(command, monkeypatch, words, said):
    monkeypatch.setattr("fairhub.publish.jobs.submit", lambda _: pytest.fail("submitted"))
    code, _, err = command("repair", *words)
    assert code == 2 and said in err and err.count("\n") == 1


def test_nobody_signed_in_is_told_so(monkeypatch, hub):
    monkeypatch.setattr("fairhub.publish.repository.get_token", lambda: None)
    with pytest.raises(UserError, match="hf auth login"):
        submit(job("l4x1", [], "ada/fair", wheel()), HfApi(endpoint=hub.url, token=False))
