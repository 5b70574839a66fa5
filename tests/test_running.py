"""A repair as a visitor runs it: seen as it grows, stopped, gone on with, and the same as if it had not been."""

import os
import threading
import time
from dataclasses import asdict
from typing import ClassVar

import planted
import pytest

from fairhub import report
from fairhub.request import Request
from fairhub.run.progress import progress_bar, watched
from fairhub.space.running import Endings, follow, prepare, rows, seen, stop, waited
from fairhub.space.worker import STATE, Standing, standing, work, write

pytestmark = pytest.mark.usefixtures("brief")


class InAThread:
    """A slice on a thread: what a lent GPU does, and quicker than a new process."""

    begun: ClassVar[list[threading.Thread]] = []

    def __init__(self, folder, seconds=None):
        self.thread = threading.Thread(target=work, args=(folder, seconds), daemon=True)
        self.thread.start()
        self.begun.append(self.thread)

    def poll(self):
        return None if self.thread.is_alive() else 0

    def kill(self):
        self.thread.join()


@pytest.fixture(autouse=True)
def nothing_goes_on():
    """No test leaves a thread behind that builds models beside the next test's, which takes no turns with it."""
    yield
    while InAThread.begun:
        InAThread.begun.pop().join()


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    model = planted.save(planted.planted_model(), folder / "model")
    text = planted.write_text(folder / "text.txt") or folder / "text.txt"
    return str(model), Request("robust", text=text, plan=planted.PLAN, sizes=planted.SIZES)


@pytest.mark.wide
def test_a_run_is_stopped_and_goes_on_to_the_same_end(asked, tmp_path):
    model, request = asked
    job, straight = tmp_path / "job", tmp_path / "straight"
    prepare(job, model, request)
    looks = []
    for look in follow(job, InAThread, every=0.01):
        looks.append(look)
        if look.trace:
            stop(job)
    assert looks[-1].standing.state == "stopped" and looks[-1].trace["energy"]
    assert not (job / "run" / "report.json").exists()
    again = list(follow(job, InAThread, every=0.01))
    assert again[-1].standing.state == "finished" and again[-1].standing.seconds >= looks[-1].standing.seconds
    assert max(len(look.choices) for look in again) > 0
    prepare(straight, model, request)
    work(straight)
    one, other = (report.read(folder / "run" / "report.json") for folder in (job, straight))
    assert one.figures == other.figures and one.trace == other.trace
    grown = max((look.trace for look in again), key=lambda trace: len(trace.get("energy", ())))
    assert grown["energy"] == one.trace["energy"][: len(grown["energy"])]


def test_who_stops_looking_stops_the_run(asked, tmp_path):
    prepare(tmp_path / "job", *asked)
    looks = follow(tmp_path / "job", InAThread, every=0.01)
    next(looks)
    looks.close()  # what Gradio does when a browser is closed
    assert (tmp_path / "job" / "stop").exists() and not (tmp_path / "job" / "run" / "report.json").exists()


def test_a_run_that_nobody_looks_at_stops(asked, tmp_path):
    prepare(tmp_path / "job", *asked)
    (tmp_path / "job" / "look").touch()
    os.utime(tmp_path / "job" / "look", (0, 0))
    work(tmp_path / "job")
    assert standing(tmp_path / "job").state == "stopped"


def test_a_mistake_is_how_the_run_stands(tmp_path):
    prepare(tmp_path / "job", str(tmp_path / "none"), Request())
    last = list(follow(tmp_path / "job", InAThread, every=0.01))[-1]
    assert last.standing.state == "failed" and "must exist" in last.standing.what


@pytest.mark.wide
def test_a_slice_that_is_over_gets_another(asked, tmp_path):
    prepare(tmp_path / "job", *asked)
    begun = []

    def begin(folder):
        if begun:
            stop(folder)
        begun.append(folder)
        return InAThread(folder, 0.0)

    states = [look.standing.state for look in follow(tmp_path / "job", begin, every=0.01)]
    assert len(begun) == 2 and "paused" in states and states[-1] == "stopped"


def test_half_a_line_is_not_read(tmp_path):
    (tmp_path / "trace.jsonl").write_text('{"energy": 1}\n{"ener')
    assert rows(tmp_path / "trace.jsonl") == [{"energy": 1}] and rows(tmp_path / "none") == []
    assert seen(tmp_path).standing.state == "waiting"


def test_progress_is_watched_inside_the_block_only():
    heard = []
    with watched(lambda *news: heard.append(news)):
        advance = progress_bar("counting", 2)
        advance(1)
    progress_bar("unheard", 2)(1)
    assert heard == [("counting", 0, 2), ("counting", 1, 2)]


@pytest.mark.wide
def test_a_worker_that_dies_says_why_to_the_owner_and_in_plain_words_to_the_visitor(tmp_path, caplog):
    (tmp_path / "job").mkdir()  # no job.json in it: the worker falls over
    last = list(follow(tmp_path / "job", every=0.05))[-1]
    assert last.standing.state == "failed" and "unexpectedly" in last.standing.what
    assert "status 1" in caplog.text and "FileNotFoundError" in caplog.text


class Stubborn:
    """A slice that ends when the test says so and notes nothing, as one that was killed."""

    def __init__(self, folder):
        self.over = threading.Event()
        write(folder / STATE, asdict(Standing("working", "scoring", seconds=7)))

    def poll(self):
        return 0 if self.over.is_set() else None

    def kill(self):
        self.over.set()


def test_who_waits_for_a_turn_waits_first_for_what_was_left(tmp_path):
    """The wish that it stop stands until what it was meant for has ended, and one uttered while waiting counts."""
    job, begun, endings = tmp_path / "job", [], Endings()
    prepare(job, None, Request())
    looks = follow(job, lambda folder: begun.append(Stubborn(folder)) or begun[-1], 0.01, endings)
    next(looks)
    looks.close()
    again = waited(job, lambda: 1, endings, 0.01)
    assert next(again).standing.what == next(again).standing.what == "what was left under way is ending"
    assert (job / "stop").exists()
    begun[0].kill()
    while "before yours" not in (look := next(again)).standing.what:
        assert look.standing.what == "what was left under way is ending"
    assert not (job / "stop").exists()
    stop(job)
    assert [look.standing.state for look in again] == ["stopped"]


def test_no_run_takes_for_ever(tmp_path, monkeypatch):
    """One that hangs and hears no wish is killed, and says why it ended."""
    monkeypatch.setattr("fairhub.space.running.LONGEST", 0.05)
    monkeypatch.setattr("fairhub.space.running._PATIENCE", 0.05)
    prepare(tmp_path / "job", None, Request())
    last = list(follow(tmp_path / "job", Stubborn, every=0.01))[-1]
    assert last.standing.state == "stopped" and "hours here at most" in last.standing.why


def test_a_job_that_was_killed_because_it_should_stop_reads_as_stopped(tmp_path):
    prepare(tmp_path / "job", None, Request())
    begun = []
    for _ in follow(tmp_path / "job", lambda folder: begun.append(Stubborn(folder)) or begun[0], every=0.01):
        stop(tmp_path / "job")
        begun[0].kill()
    assert standing(tmp_path / "job") == Standing("stopped", "stopped", seconds=7)


def test_leaving_waits_for_nothing_and_coming_back_waits_for_what_was_left(tmp_path):
    job, begun, endings = tmp_path / "job", [], Endings()
    prepare(job, None, Request())

    def begin(folder):
        begun.append(Stubborn(folder))
        return begun[-1]

    looks = follow(job, begin, 0.01, endings)
    next(looks)
    began = time.monotonic()
    looks.close()
    assert time.monotonic() - began < 1 and endings.going(job)
    again = follow(job, begin, 0.01, endings)
    assert next(again).standing.state == next(again).standing.state == "waiting"
    assert len(begun) == 1 and (job / "stop").exists()  # the wish stands until what it was meant for is over
    begun[0].kill()
    while len(begun) < 2:
        next(again)
    assert not (job / "stop").exists() and not endings.going(job)
    begun[1].kill()
    again.close()
