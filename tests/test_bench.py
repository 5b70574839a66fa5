"""The benchmarks measure what they say on a tiny model, and their table names what was reached, missed or not run."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import planted
import pytest
import torch

HERE = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def beside(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture(scope="module")
def loaded():
    return planted.loaded(planted.planted_model())


@pytest.mark.wide
def test_every_script_imports_what_exists():
    # In a process of its own, since importing them changes the path.
    scripts = sorted(map(str, HERE.glob("*.py")))
    made = subprocess.run([sys.executable, "-c", f"import runpy; [runpy.run_path(script) for script in {scripts}]"],
                          env=os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}"},
                          capture_output=True, text=True)  # fmt: skip
    assert len(scripts) > 10 and made.returncode == 0, made.stderr[-500:]


def test_an_annealing_move_is_exact_and_timed(loaded):
    import annealing
    from scoring import probes

    found = annealing.measure(loaded, probes(6), steps=6)
    assert found["detail"]["equal"] and found["detail"]["states"] >= 7
    assert found["ratio"] > 0 and found["detail"]["forward_equivalents_a_move"] < 1.5


def test_first_order_scores_and_memory_are_compared_with_a_forward(loaded):
    import first_order
    import memory
    from scoring import probes

    found = first_order.measure(loaded, probes(6), pairs=2)
    assert found["low"] <= found["ratio"] <= found["high"]
    assert found["detail"]["units"] == 104 and found["ratio"] > 0.5
    found = memory.measure(loaded, probes(6), heads=2)
    assert found["ratio"] >= 1 and found["detail"]["engine_bytes"] >= found["detail"]["weights_bytes"]


@pytest.mark.wide
def test_searches_get_the_same_seconds_and_keep_what_they_measured(loaded, tmp_path):
    import searches

    plan = replace(planted.PLAN, masks=12, rounds=1, chains=10, chain_steps=40, energy="robust")
    found, again = (searches.measure(loaded, plan, 1, 6, 2, tmp_path / "out") for _ in range(2))
    (row,) = found["detail"]["rows"]
    assert row["masks"] > 12 and row["others measure"] >= row["masks"] / 2  # a label with slopes takes longer
    assert row["surrogates"] <= row["sampled best"] and found["reached"] == (found["value"] >= found["reach"])
    assert again["detail"]["rows"] == [row]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_made_up(monkeypatch, capsys):
    import gpu

    monkeypatch.setattr(sys, "argv", ["gpu.py", "--json"])
    gpu.main()
    found = json.loads(capsys.readouterr().out)
    assert found["value"] is None and found["reached"] is None and found["detail"]["why"] == "no GPU here"


def test_the_table_says_reached_missed_not_run_and_failed():
    import all as runner

    found = {
        "one": {"name": "one", "ratio": 9.0, "reach": 8.0, "reached": True, "detail": {"a": 1}},
        "two": {"name": "two", "ratio": 2.0, "reach": 8.0, "reached": False, "detail": {}},
        "three": {"name": "three", "value": None, "reach": 0.5, "reached": None, "detail": {"why": "no GPU here"}},
        "four": {"failed": "ValueError: no"},
    }
    page = runner.results(found, runner.machine())
    rows = {line.split("|")[1].split()[0]: line for line in page.splitlines() if line.startswith("| ")}
    assert rows["one"].endswith("| 9 | 8 | reached |") and rows["two"].endswith("| 2 | 8 | **missed** |")
    assert rows["three"].endswith("| no GPU here |") and "failed: ValueError: no" in rows["four"]
    assert "Missed: two." in page and f"{torch.__version__.split('+')[0]}" in page


def test_every_script_is_run_and_a_failing_one_is_a_row(monkeypatch, tmp_path):
    import all as runner

    names = runner.scripts()
    assert set(names) == {file.stem for file in HERE.glob("*.py")} - {"all", "common", "ci"}
    assert names[: len(runner.FIRST)] == list(runner.FIRST)
    assert set(names) - set(runner.scripts(whole=False)) == set(runner.LONG)
    monkeypatch.setattr(runner, "HERE", tmp_path)
    (tmp_path / "good.py").write_text("print('loading')\nprint('{\"name\": \"x\"}')")
    (tmp_path / "bad.py").write_text("raise ValueError('no')")
    assert runner.run("good") == {"name": "x"}
    assert runner.run("bad") == {"failed": "ValueError: no"}


def test_exact_ablation_is_timed_in_pairs_and_equal(loaded):
    import scoring

    found = scoring.measure(loaded, scoring.probes(4), heads=1, rows=4, pairs=2)
    assert found["detail"]["equal"] and found["detail"]["pairs"] == 2 and found["detail"]["heads"] == 8
    assert 0 < found["low"] <= found["ratio"] <= found["high"]
