"""Law 4: one process, two and four give the same values, traces and reports; one that dies ends the run cleanly."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import planted
import pytest
import torch
from planted import PLAN, SIZES
from short_probes import PRUNINGS, make_probes
from tiny import ARCHITECTURES
from transformers import AutoTokenizer

import fairhub.inputs.text
import fairhub.pipeline
import fairhub.proof.prover
from fairhub.compute.engine import Engine
from fairhub.compute.greedy import continuations
from fairhub.inputs.batches import probe_batches
from fairhub.pipeline import repair
from fairhub.request import Request
from fairhub.run.folder import Remembered
from fairhub.run.processes import Lost, agreed, alone, clock, dealt, interruptible, leave, spread, state
from fairhub.search.annealing import Schedule, anneal

HERE = Path(__file__).parent
ENVIRONMENT = os.environ | {
    "PYTHONPATH": f"{HERE}:{HERE.parent}", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
}  # fmt: skip


def launch(count, *words):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count)]
    return subprocess.Popen(
        [*command, __file__, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=ENVIRONMENT,
    )  # fmt: skip


def launched(count, *words):
    process = launch(count, *words)
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err[-3000:]
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def values(tokenizer_folder: str) -> dict[str, list[list[float]]]:
    """What engines say of every architecture, some prunings a forward: groups must not depend on the processes."""
    batches = probe_batches(AutoTokenizer.from_pretrained(tokenizer_folder), make_probes(), tokens=160)
    assert len(batches) > 1
    return {
        name: Engine(build(), batches, candidates=2).values(PRUNINGS).tolist() for name, build in ARCHITECTURES.items()
    }


def whole(text: str, folder: str, method: str, resume: object = False) -> dict[str, object]:
    """A whole repair of the planted model, and what must be the same wherever it ran."""
    fairhub.inputs.text._hub_answers = lambda: False
    fairhub.proof.prover.continuations = lambda m, t, p: continuations(m, t, p, tokens=4)
    fairhub.pipeline.plots.save_all = lambda *_: {}
    plan = dataclasses.replace(
        PLAN, masks=12, rounds=1, chains=4, chain_steps=20, units=1 if method == "fasp" else None
    )
    request = Request(method=method, text=Path(text), plan=plan, sizes=SIZES)
    made = repair(planted.loaded(planted.planted_model()), request, Path(folder), resume=bool(resume))
    told = dataclasses.asdict(dataclasses.replace(made, created="", cost={}))
    told["trace"].get("surrogate", {}).pop("speedup", None)  # a quotient of two clocks
    return told


def spread_words() -> dict[str, object]:
    here = state()
    owner = spread(list("abcdefg"), lambda letter: f"{letter}{here.process_index}")
    return {
        "owner": owner, "agreed": agreed(here.process_index), "alone": alone(lambda: 100 + here.process_index),
        "clock": clock(),
    }  # fmt: skip


@pytest.mark.parametrize("count", [pytest.param(2, marks=pytest.mark.wide), pytest.param(4, marks=pytest.mark.slow)])
def test_processes_give_the_values_of_one(tokenizer, tmp_path, count):
    tokenizer.save_pretrained(tmp_path)
    found = launched(count, "values", tmp_path)
    assert sorted(row["process"] for row in found) == list(range(count))  # positive control: there were as many
    (only,) = launched(1, "values", tmp_path)  # one process of its own: tests before may have left threads at work here
    for row in found:
        assert row["found"] == only["found"]  # bit for bit
    words = [row["words"] for row in found]
    assert words == [words[0]] * count
    assert words[0]["owner"] == [f"{letter}{i % count}" for i, letter in enumerate("abcdefg")]
    assert words[0]["agreed"] == 0 and words[0]["alone"] == 100


METHODS = [
    pytest.param(2, "robust", marks=pytest.mark.wide),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        (4, "robust"), (2, "fasp"), (2, "attention_pruning"), (2, "fairness_pruning"), (2, "breaking_down_bias"),
        (4, "random"),
    )),
]  # fmt: skip


@pytest.mark.parametrize(("count", "method"), METHODS)
def test_a_repair_on_processes_is_that_of_one(text, tmp_path, count, method, alone_):
    several = launched(count, "repair", text, tmp_path / "several", method)
    one = alone_(text, tmp_path / "one", method)
    assert len(several) == count
    for row in several:
        assert row["found"] == one
    for name in ("trace.jsonl", "recipe.json", "model/model.safetensors"):
        assert (tmp_path / "several" / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), name
    assert json.loads((tmp_path / "several" / "report.json").read_text())["cost"]["processes"] == count


@pytest.fixture
def alone_(monkeypatch):
    """Repair in this process, with one thread as the launched ones have."""
    for module, name in ((fairhub.inputs.text, "_hub_answers"), (fairhub.proof.prover, "continuations")):
        monkeypatch.setattr(module, name, getattr(module, name))  # put back afterwards
    monkeypatch.setattr(fairhub.pipeline.plots, "save_all", fairhub.pipeline.plots.save_all)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda *words: json.loads(json.dumps(whole(*map(str, words))))
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_a_killed_process_ends_the_run_with_a_line_and_it_goes_on(text, tmp_path, alone_):
    folder = tmp_path / "run"
    process = launch(2, "dying", text, folder, "robust")
    _, err = process.communicate(timeout=400)
    assert process.returncode != 0 and "goes on from where it was" in err, err[-2000:]
    assert list((folder / "work").glob("moments_text*.npz")) and not (folder / "report.json").exists()
    assert alone_(text, folder, "robust", True) == alone_(text, tmp_path / "one", "robust")


def test_a_broken_connection_is_one_clear_line(monkeypatch):
    class Two:
        num_processes, process_index, is_main_process = 2, 0, True

    def broken(_):
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr("fairhub.run.processes.state", Two)
    monkeypatch.setattr("fairhub.run.processes.gather_object", broken)
    monkeypatch.setattr("fairhub.run.processes.broadcast_object_list", broken)
    for call in (lambda: spread([1, 2], abs), lambda: agreed(1), lambda: alone(lambda: 1)):
        with pytest.raises(Lost, match="--resume"):
            call()
    with pytest.raises(ZeroDivisionError):  # what goes wrong in the work itself is not taken for it
        spread([1], lambda one: one // 0)


def test_annealing_stops_by_the_clock_it_is_given():
    ticks = iter(range(100))
    schedule = Schedule(steps=50, k_max=3, seconds=7)
    trace = anneal(lambda s: float(len(s)), list("abcdef"), schedule, clock=lambda: float(next(ticks)))
    assert len(trace.steps) == 6  # the first tick is the beginning


def test_one_process_spreads_nothing():
    assert spread("abc", str.upper) == ["A", "B", "C"]
    assert agreed(3) == 3 and alone(lambda: 4) == 4


def die_at_the_second_energy():
    call = Remembered.__call__

    def dying(self, key, compute):
        if state().process_index == 1 and len(self.known) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(self, key, compute)

    Remembered.__call__ = dying


if __name__ == "__main__":
    torch.set_num_threads(1)
    mode, *asked = sys.argv[1:]
    if mode == "values":
        told = {"found": values(*asked), "words": spread_words()}
    else:
        if mode == "dying":
            die_at_the_second_energy()
        interruptible()
        try:
            told = {"found": whole(*asked)}
        except Lost as lost:
            sys.exit(f"fairhub: {lost}")
    for turn in range(state().num_processes):  # one line at a time
        if turn == state().process_index:
            sys.stdout.write(json.dumps({"process": turn} | told) + "\n")
            sys.stdout.flush()
        state().wait_for_everyone()
    leave()


def test_every_piece_goes_to_one_process_and_none_has_much_more_than_another():
    costs = [681.0, 326.0] * 25 + [3000.0]  # dealt in turn, one process would have two thirds
    for hands in (1, 2, 3, 8):
        dealt_ = dealt(costs, hands)
        assert sorted(place for mine in dealt_ for place in mine) == list(range(len(costs)))
        loads = [sum(costs[place] for place in mine) for mine in dealt_]
        assert max(loads) <= sum(costs) / hands + max(costs)
    two = [sum(costs[place] for place in mine) for mine in dealt(costs, 2)]
    assert max(two) < 1.02 * min(two)
    assert dealt([1.0] * 5, 2) == [[0, 2, 4], [1, 3]]  # in turn where all cost alike: a process's own piece is its own
