"""ZeroGPU without one: what is asked of `spaces`, and that slices of any length come to the same end."""

import importlib
import math
import sys
import time
from dataclasses import asdict
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
from huggingface_hub import HfApi

from fairhub.errors import UserError
from fairhub.inputs.sizes import Sizes
from fairhub.request import Request
from fairhub.space import zero
from fairhub.space.live import live
from fairhub.space.running import Seen, follow, prepare
from fairhub.space.worker import RUN, STATE, Standing, standing, write


@pytest.fixture
def lent(monkeypatch):
    """The module as on ZeroGPU: `spaces` is asked for the GPU; here it notes for how long, and calls."""
    asked = []

    def gpu(duration):
        def wrap(function):
            def call(*args):
                asked.append(duration(*args))
                return function(*args)

            return call

        return wrap

    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=gpu))
    module = importlib.reload(zero)
    yield SimpleNamespace(zero=module, asked=asked)
    monkeypatch.undo()
    importlib.reload(zero)


def test_elsewhere_nothing_changes(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)

    def work():
        return 7

    assert not zero.on_zero() and zero.gpu(lambda: 1.0)(work) is work


def test_a_call_asks_for_what_the_work_needs():
    small, large = (zero.stage_seconds(weights, Sizes()) for weights in (270_000_000, 3_000_000_000))
    assert 10 < small < 60 < large < 300
    assert zero.stage_seconds(270_000_000, Sizes(search_tokens=10**7)) > small


def stage(folder, name, text="x"):
    (folder / RUN / "work").mkdir(parents=True, exist_ok=True)
    (folder / RUN / "work" / name).write_text(text)


@pytest.fixture
def job(tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    write(folder / STATE, asdict(Standing("waiting")))
    write(folder / zero._SLICE, {"seconds": 20, "kept": None})
    return folder


def waited(piece):
    deadline = time.monotonic() + 10
    while piece.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_slice_that_kept_nothing_is_followed_by_a_longer_one(lent, job, monkeypatch):
    monkeypatch.setattr(lent.zero, "work", lambda folder, seconds, device: stage(folder, "trace.jsonl", str(seconds)))
    begin = lent.zero.begin
    for _ in range(3):
        waited(begin(job))
    stage(job, "scores.npz")
    waited(begin(job))
    assert lent.asked == [35, 55, 95, 95]  # 15 to start; twice as long, twice, and no longer once a stage was kept


def test_a_stage_that_is_too_long_fails_and_says_so(lent, job, monkeypatch):
    monkeypatch.setattr(lent.zero, "work", lambda folder, seconds, device: None)
    write(job / zero._SLICE, {"seconds": 1000, "kept": None})
    waited(lent.zero.begin(job))
    waited(lent.zero.begin(job))
    assert standing(job).state == "failed" and "takes longer" in standing(job).what
    assert lent.asked == [lent.zero.LONGEST + 15]


def test_a_refusal_of_the_lender_is_what_the_visitor_reads(lent, job, monkeypatch):
    def refuse(folder, seconds, device):
        raise gr.Error("You have exceeded your GPU quota")

    monkeypatch.setattr(lent.zero, "work", refuse)
    waited(lent.zero.begin(job))
    assert standing(job) == Standing("stopped", "stopped", why="You have exceeded your GPU quota")
    waited(lent.zero.begin(job))
    assert lent.asked == [35, 35]  # what was refused was no slice: the next call is no longer than this one


@pytest.mark.parametrize("error", [RuntimeError("ZeroGPU API /schedule error: 500"), httpx.ConnectError("no route")])
def test_a_lender_that_is_out_of_reach_stops_the_run_in_plain_words(lent, job, monkeypatch, error):
    def fail(*given, **more):
        raise error

    monkeypatch.setattr(lent.zero, "work", fail)
    waited(lent.zero.begin(job))
    assert standing(job).state == "stopped" and "try again later" in standing(job).why
    assert "try again later" in live(Seen(standing(job)))
    monkeypatch.setattr(lent.zero, "load", fail)
    with pytest.raises(UserError, match="try again later"):
        lent.zero.audited("ada/planted", (), 1000)


def test_work_that_falls_over_on_the_gpu_says_so_and_not_its_class(lent, job, monkeypatch):
    def fall(*given, **more):
        raise gr.Error("OutOfMemoryError", title="ZeroGPU worker error")

    monkeypatch.setattr(lent.zero, "work", fall)
    waited(lent.zero.begin(job))
    assert standing(job).state == "failed" and "unexpectedly" in standing(job).what
    monkeypatch.setattr(lent.zero, "load", fall)
    with pytest.raises(UserError, match="unexpectedly"):
        lent.zero.audited("ada/planted", (), 1000)


def test_a_mistake_in_an_audit_is_told_in_its_own_words(lent, monkeypatch):
    def load(source, device):
        raise UserError("a model must be one; got none; choose one")

    monkeypatch.setattr(lent.zero, "load", load)
    assert lent.zero._audited("ada/none", (), 1000).endswith("choose one")  # only what is returned leaves that process
    with pytest.raises(UserError, match="choose one"):
        lent.zero.audited("ada/none", (), 1000)


def test_a_call_cut_in_the_middle_of_a_stage_is_made_again_longer(lent, job, monkeypatch):
    def cut(folder, seconds, device):
        raise gr.Error("GPU task aborted")

    monkeypatch.setattr(lent.zero, "work", cut)
    begin = lent.zero.begin
    waited(begin(job))
    assert standing(job).state == "paused"
    waited(begin(job))
    assert lent.asked == [35, 55]


def test_a_job_cut_into_slices_is_followed_to_its_end(lent, hub, tmp_path, monkeypatch):
    """Three stages of which every slice does one: as with a real repair, each begins where the last one ended."""

    def work(folder, seconds, device):
        assert device == "cuda"
        done = len(list((folder / RUN / "work").glob("*.npz"))) if (folder / RUN / "work").exists() else 0
        stage(folder, f"{done}.npz")
        write(folder / STATE, asdict(Standing("finished" if done == 2 else "paused", f"stage {done}")))

    monkeypatch.setattr(lent.zero, "work", work)
    folder = tmp_path / "job"
    hub.put("ada/planted", {"model.safetensors": bytes(1000)})
    monkeypatch.setattr("fairhub.space.sizes.HfApi", lambda **kept: HfApi(endpoint=hub.url, **kept))
    prepare(folder, "ada/planted", Request())
    looks = list(follow(folder, lent.zero.begin, every=0.01))
    assert looks[-1].standing.state == "finished"
    first = math.ceil(zero.stage_seconds(1000, Sizes()) + 15)
    assert lent.asked == [first] * 3 and hub.asked("GET", "/api/models/ada/planted")
