"""Visitors of the Space: their folders and runs are theirs alone, kept while in use, and few."""

import os
import shutil
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import gradio as gr
import pytest

from fairhub.errors import UserError
from fairhub.space import repair_tab
from fairhub.space.models import Models
from fairhub.space.shared import Shared
from fairhub.space.visitors import HELD, RUNS, Visitors
from fairhub.space.worker import STATE, Standing, write

CARDS = Path(__file__).parent.parent / "model_cards"


def test_visitors_share_nothing(tmp_path):
    visitors = Visitors(tmp_path / "all")
    one, other = visitors.new(), visitors.new()
    assert one != other and visitors.folder(one) != visitors.folder(other)
    run = visitors.new_job(one) / "run"
    run.mkdir(parents=True)
    (run / "report.json").write_text("{}")
    assert visitors.finished(one) == {"run 1": run} and visitors.finished(other) == {}
    with pytest.raises(UserError, match="finished run"):
        visitors.run(other, "run 1")


@pytest.mark.parametrize("key", ["", "..", "../../etc", "0" * 32, "/", "a\n" * 16])
def test_no_key_but_one_drawn_here_opens_a_folder(tmp_path, key):
    with pytest.raises(UserError, match="reload"):
        Visitors(tmp_path).folder(key)


def test_folders_expire_and_used_ones_stay(tmp_path):
    visitors = Visitors(tmp_path, seconds=60)
    old, used, new = visitors.new(), visitors.new(), visitors.new()
    long_ago = time.time() - 3600
    work = visitors.new_job(used) / "run" / "work"
    work.mkdir(parents=True)
    (work / "scores.npz").write_bytes(b"")
    for folder in (old, used):
        os.utime(visitors.folder(folder), (long_ago, long_ago))
    visitors.expire()
    assert visitors.folder(used) and visitors.folder(new)
    with pytest.raises(UserError):
        visitors.folder(old)


def test_a_visitor_has_few_runs(tmp_path):
    visitors = Visitors(tmp_path)
    key = visitors.new()
    for _ in range(RUNS + 1):
        visitors.new_job(key).mkdir(parents=True)
    assert [job.name for job in visitors.jobs(key)] == ["2", "3", "4"]
    assert visitors.latest(key).name == "4"


def finish(job):
    (job / "run").mkdir(parents=True, exist_ok=True)
    (job / "run" / "report.json").write_text("{}")
    return job


def test_starts_that_failed_push_out_no_finished_run(tmp_path):
    visitors = Visitors(tmp_path)
    key = visitors.new()
    first = finish(visitors.new_job(key))
    for _ in range(2 * RUNS):
        visitors.new_job(key).mkdir(parents=True)
    assert first in visitors.jobs(key) and len(visitors.jobs(key)) == RUNS
    for _ in range(RUNS):
        finish(visitors.new_job(key))
    assert first not in visitors.jobs(key) and len(visitors.finished(key)) == RUNS


def test_all_visitors_together_have_a_bound_and_what_goes_on_stays(tmp_path):
    visitors, long_ago = Visitors(tmp_path), time.time() - 600
    done = finish(visitors.new_job(visitors.new()))
    jobs = [visitors.new_job(visitors.new()) for _ in range(HELD + 2)]
    for job in (done, *jobs):
        job.mkdir(parents=True, exist_ok=True)
        os.utime(job, (long_ago, long_ago))
    (jobs[0] / "look").touch()  # somebody looks at it now
    visitors.new_job(visitors.new())
    held = list(tmp_path.glob("*/runs/*"))
    assert len(held) == HELD - 1 and done in held and jobs[0] in held


def test_a_run_is_refused_where_the_disk_has_no_room_for_it(tmp_path):
    visitors = Visitors(tmp_path)
    key = visitors.new()
    done = finish(visitors.new_job(key, 1000))
    with pytest.raises(UserError, match="GB of disk"):
        visitors.new_job(key, shutil.disk_usage(tmp_path).total)
    assert done.is_dir()


def test_a_visit_in_use_is_renewed(tmp_path):
    visitors, long_ago = Visitors(tmp_path, seconds=60), time.time() - 3600
    for use in (visitors.folder, visitors.back):
        key = visitors.new()
        os.utime(tmp_path / key, (long_ago, long_ago))
        use(key)
        visitors.expire()
        assert visitors.back(key) == key


def test_a_root_that_others_can_open_is_refused(tmp_path):
    """A name in /tmp that anybody can guess was once taken as it was found."""
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    for name in ("open", "link"):
        with pytest.raises(UserError, match="this user's alone"):
            Visitors(tmp_path / name)
    assert Visitors(tmp_path / "mine").new()  # positive control


def test_a_run_that_nobody_follows_reads_as_stopped_when_the_page_comes_back(tmp_path):
    shared = Shared(Models(), Visitors(tmp_path), CARDS)
    key = shared.visitors.new()
    job = shared.visitors.new_job(key)
    job.mkdir(parents=True)
    write(job / STATE, asdict(Standing("working", "scoring")))
    shown, start, stop, resume, *_ = repair_tab._back(shared, key)
    assert "Stopped" in shown and "Working" not in shown
    assert (start["interactive"], stop["interactive"], resume["interactive"]) == (True, False, True)


def test_a_new_run_hides_what_the_last_one_found(tmp_path):
    def begin(folder):
        write(folder / STATE, asdict(Standing("failed", "no")))
        return subprocess.Popen(["true"])

    shared = Shared(Models(), Visitors(tmp_path), CARDS, begin)
    key = shared.visitors.new()
    job = shared.visitors.new_job(key)
    job.mkdir(parents=True)
    with shared.repairs.place("somebody") as ticket:
        seen = list(repair_tab._followed(shared, key, job, ticket))
    assert seen and all(update[4] == gr.update(visible=False) for update in seen)
