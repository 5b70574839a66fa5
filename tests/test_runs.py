"""A run folder: whole files or none, what was found is kept, a full disk is one clear line."""

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fairhub.files.writing
import fairhub.run.folder
import fairhub.run.stored
from fairhub.errors import UserError
from fairhub.run.folder import Remembered, Run, digest
from fairhub.search.annealing import Schedule, anneal

SETTINGS = {"model": "m", "seed": 0, "axes": ["gender"]}


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def never():
    raise AssertionError("was computed twice")


def test_stages_are_computed_once(tmp_path):
    run = Run(tmp_path / "run", SETTINGS, resume=False)
    found = run.arrays("scores", lambda: {"a": [[1.5, 2.0]], "texts": np.array(["é", "longer"])})
    again = Run(tmp_path / "run", SETTINGS, resume=True).arrays("scores", never)
    assert again.keys() == found.keys()
    for name in found:
        np.testing.assert_array_equal(again[name], found[name])
        assert again[name].dtype == found[name].dtype


def test_parts_are_computed_once_and_read_one_at_a_time(tmp_path):
    run = Run(tmp_path / "run", SETTINGS, resume=False)
    made = {"one": {"a": np.arange(3.0)}, "two": {"a": np.eye(2)}}
    with pytest.raises(KeyError):  # killed after the first: all are computed again
        run.parts("sums", list(made), lambda: ((name, made[name]) for name in ("one", "none")))
    found = run.parts("sums", list(made), made.items)
    assert dict(found).keys() == made.keys() and (found["two"]["a"] == np.eye(2)).all()
    again = Run(tmp_path / "run", SETTINGS, resume=True).parts("sums", list(made), never)
    assert (again["one"]["a"] == made["one"]["a"]).all()
    (run.work / "sums_one.npz").unlink()  # a part is read when it is asked for
    assert (again["two"]["a"] == np.eye(2)).all()
    with pytest.raises(FileNotFoundError):
        again["one"]


def test_an_array_rests_on_the_disk_and_leaves_no_file(tmp_path, monkeypatch):
    run = Run(tmp_path / "run", SETTINGS, resume=False)
    before = {path for path in run.work.iterdir()}
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    rests = run.rested(values)
    assert isinstance(rests, np.memmap) and rests.dtype == values.dtype and (rests == values).all()
    rests[0] = 0  # as any array; another read of the file would not see it
    assert {path for path in run.work.iterdir()} == before
    monkeypatch.setattr(fairhub.run.folder, "TemporaryFile", full)
    with pytest.raises(UserError, match="No space left"):
        run.rested(values)


def test_scratch_is_empty_and_goes(tmp_path):
    run = Run(tmp_path / "run", SETTINGS, resume=False)
    with run.scratch(1) as folder:
        (folder / "rows").write_bytes(b"x")
        (folder / "more").mkdir()
    assert not folder.exists()
    folder.mkdir()
    (folder / "of a killed run").write_text("")
    with run.scratch(1) as folder:
        assert not list(folder.iterdir())
    folder.mkdir()
    run.forget()
    assert not run.work.exists()


def test_what_another_version_measured_is_refused_in_one_line(tmp_path):
    Run(tmp_path / "run", SETTINGS, resume=False).arrays("scores", lambda: {"a": [1.0]})
    run = Run(tmp_path / "run", SETTINGS, resume=True)
    assert run.arrays("scores", never)["a"] == [1.0]
    refusal = r"measured no 'b'; use that one with --resume, or begin anew"
    with pytest.raises(UserError, match=refusal) as said:
        run.arrays("scores", never)["b"]
    assert "\n" not in str(said.value)


def test_of_rows_only_those_that_are_missing_are_computed(tmp_path):
    asked: list[list[str]] = []

    def rows(keys):
        def compute(places):
            asked.append([keys[place] for place in places])
            return {"length": np.array([len(keys[place]) for place in places]), "two": np.ones((len(places), 2))}

        return Run(tmp_path / "run", SETTINGS, resume=True).rows("words", keys, compute)

    assert rows(["a", "bbb"])["length"].tolist() == [1, 3]
    found = rows(["bbb", "cc", "a"])
    assert found["length"].tolist() == [3, 2, 1] and found["two"].shape == (3, 2)
    assert rows(["cc", "a"])["length"].tolist() == [2, 1]
    assert asked == [["a", "bbb"], ["cc"]]


def test_a_run_goes_on_only_with_the_data_it_began_with(tmp_path):
    run = Run(tmp_path / "run", SETTINGS, resume=False)
    data = [{"name": "own.jsonl", "sha256": "1"}, {"name": "wiki", "revision": "a"}]
    run.began_with(data)
    Run(tmp_path / "run", SETTINGS, resume=True).began_with(data)
    for other in ([{"name": "own.jsonl", "sha256": "2"}, data[1]], [data[0], {"name": "package", "revision": "1"}]):
        with pytest.raises(UserError, match="the data it began with; other now: (own.jsonl|wiki, package); bring back"):
            run.began_with(other)


def test_a_failed_stage_leaves_nothing(tmp_path):
    run = Run(tmp_path / "run", SETTINGS, resume=False)

    def killed():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.arrays("scores", killed)
    assert run.arrays("scores", lambda: {"a": [1]})["a"].tolist() == [1]


def test_files_are_whole_or_old(tmp_path, monkeypatch):
    run = Run(tmp_path / "run", SETTINGS, resume=False)
    run.save(run.folder / "report.md", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(fairhub.files.writing.os, "replace", full)
        with pytest.raises(UserError, match="No space left on device; free space or choose another --out"):
            run.save(run.folder / "report.md", b"new")
    assert (run.folder / "report.md").read_bytes() == b"old"


def test_a_full_disk_is_the_users_to_mend(tmp_path, monkeypatch):
    run = Run(tmp_path / "run", SETTINGS, resume=False)
    remembered = run.remembered("energies")
    with pytest.raises(UserError, match=r"has [\d,]+ MB left, this one needs 95,367,431,640 MB; free space or choose"):
        with run.scratch(10**17):
            never()
    with pytest.raises(UserError, match="No space left"), run.scratch(1):
        full()
    assert not list(run.work.glob("scratch*"))
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UserError, match="No space left"):
        run.arrays("scores", lambda: {"a": [1]})
    with pytest.raises(UserError, match="No space left"):
        run.parts("sums", ["one"], lambda: [("one", {"a": [1]})])
    with pytest.raises(UserError, match="No space left"):
        Run(tmp_path / "other", SETTINGS, resume=False)
    with pytest.raises(UserError, match="No space left"):
        remembered("a", lambda: 1.0)


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="must be able to write"):
        Run(tmp_path / "file" / "run", SETTINGS, resume=False)
    with pytest.raises(UserError, match="not empty"):
        Run(tmp_path / "file", SETTINGS, resume=False)


def test_never_overwrites(tmp_path):
    (tmp_path / "mine.txt").write_text("dear")
    with pytest.raises(UserError, match="--resume"):
        Run(tmp_path, SETTINGS, resume=False)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_resume_needs_the_same_settings_and_no_report(tmp_path):
    folder = tmp_path / "run"
    Run(folder, SETTINGS, resume=False)
    Run(folder, dict(reversed(SETTINGS.items())), resume=True)
    with pytest.raises(UserError, match=f"settings it began with.*or remove {folder}"):
        Run(folder, SETTINGS | {"seed": 1}, resume=True)
    (folder / "report.json").write_text("{}")
    with pytest.raises(UserError, match="finished"):
        Run(folder, SETTINGS, resume=True)


def test_resume_in_an_empty_folder_begins(tmp_path):
    assert Run(tmp_path, SETTINGS, resume=True).work.is_dir()


def test_what_no_run_began_is_left_alone(tmp_path):
    """`--resume` in a folder of the user's own once overwrote model/ and report.md, and removed work/."""
    for name in ("model/weights.txt", "report.md", "work/dear.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("dear")
    with pytest.raises(UserError, match="only what a run began can go on; .* is no run"):
        Run(tmp_path, SETTINGS, resume=True)
    assert {p.read_text() for p in tmp_path.rglob("*") if p.is_file()} == {"dear"}


def test_a_run_removes_what_it_wrote_and_nothing_else(tmp_path):
    run = Run(tmp_path / "run", SETTINGS, resume=False)
    run.arrays("scores", lambda: {"a": [1]})
    run.remembered("energies")("a", lambda: 1.0)
    run.began_with([{"name": "own"}])
    (run.work / "notes.txt").write_text("dear")
    run.forget()
    assert [p.name for p in run.work.iterdir()] == ["notes.txt"]
    other = Run(tmp_path / "other", SETTINGS, resume=False)
    other.arrays("scores", lambda: {"a": [1]})
    other.forget()
    assert not other.work.exists()


@pytest.mark.parametrize("resume", [True, False])
def test_two_processes_never_share_a_folder(tmp_path, resume):
    folder = tmp_path / "run"
    hold = "import sys, pathlib; from fairhub.run.folder import Run; "
    hold += f"run = Run(pathlib.Path({str(folder)!r}), {SETTINGS!r}, False); print('has it', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "has it\n"
        with pytest.raises(UserError, match="another process works in" if resume else "never overwrites"):
            Run(folder, SETTINGS, resume=resume)
        holder.kill()  # a lock never outlives its process
    Run(folder, SETTINGS, resume=True)


def test_a_run_killed_before_its_first_file_begins_anew(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "lock").touch()
    Run(tmp_path, SETTINGS, resume=True)
    assert (tmp_path / "work" / "settings.json").is_file()


@pytest.mark.parametrize("said", ["", "[" * 100_000, "{", "null"])
def test_settings_that_cannot_be_read_are_others(tmp_path, said):
    Run(tmp_path / "run", SETTINGS, resume=False)
    (tmp_path / "run" / "work" / "settings.json").write_text(said)
    with pytest.raises(UserError, match="settings it began with"):
        Run(tmp_path / "run", SETTINGS, resume=True)


def test_recorded_seconds_bound_a_search_that_was_cut_short(tmp_path, monkeypatch):
    """Resumed, it ends at the same step: it once had all of its seconds again, and ended on other units."""
    now = [0.0]
    monkeypatch.setattr(fairhub.run.stored.time, "monotonic", lambda: now[0])
    schedule = Schedule(steps=50, k_max=4, acceptance=0.3, uphill=2, seconds=30.0)

    class Killed(Exception):
        pass

    def search(folder, most):
        remembered, asked = Remembered(folder / "energies.jsonl"), []

        def energy(state):
            def compute():
                asked.append(state)
                if len(asked) > most:
                    raise Killed
                now[0] += 2.0
                return float(sum((unit * 37) % 11 for unit in state))

            return remembered(digest(*sorted(state)), compute)

        return anneal(energy, range(8), schedule, seed=3, clock=remembered.clock)

    whole = search(tmp_path / "whole", 10**6)
    assert 0 < len(whole.steps) < 50  # positive control: the bound cut it
    for killed_after in (1, 5, 9):
        folder = tmp_path / str(killed_after)
        with pytest.raises(Killed):
            search(folder, killed_after)
        assert search(folder, 10**6).steps == whole.steps


def test_remembers_exactly_and_ignores_the_line_cut_short(tmp_path):
    path = tmp_path / "energies.jsonl"
    first = Remembered(path)
    assert first("a", lambda: [0.1, 1 / 3]) == [0.1, 1 / 3]
    assert first("b", lambda: 2.0) == 2.0
    whole = path.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole) - 1):
        path.write_bytes(whole[:cut])
        again = Remembered(path)
        assert again("a", never) == [0.1, 1 / 3]
        assert again("b", lambda: 2.0) == 2.0
        # what is appended after a line cut short can be read by the next
        assert Remembered(path)("a", never) == [0.1, 1 / 3]
        assert Remembered(path)("b", never) == 2.0


def test_digest_is_short_stable_and_tells_apart():
    assert digest("a", 1) == digest("a", 1) == "b343590635d7675b"
    assert len({digest(), digest("a"), digest("a", "b"), digest("ab"), digest("b", "a")}) == 5
