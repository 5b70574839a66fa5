"""A repair of a model whose layers rest in their files is the repair of the same model in memory."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import PLAN, SIZES
from published import STRENGTHS, erased
from safetensors.torch import load_file
from torch import Tensor

from fairhub.errors import UserError
from fairhub.methods import METHODS
from fairhub.model import loading
from fairhub.model.streaming.layers import Streamed
from fairhub.model.streaming.placing import Residence
from fairhub.pipeline import repair
from fairhub.report import Report
from fairhub.request import Request

RESTS = Residence(0, 4 << 20)


def repaired(
    method: str, base: Path, text: Path, out: Path, residence: Residence | None, resume: bool = False
) -> Report:
    plan = replace(PLAN, keep="0.9", erasures=STRENGTHS)
    request = Request(method=method, text=text, sizes=SIZES, plan=plan)
    return repair(loading.load(str(base), residence=residence), request, out, resume=resume)


@pytest.mark.wide
@pytest.mark.parametrize(
    "method",
    [
        name if name in ("two_sided", "fairness_pruning") else pytest.param(name, marks=pytest.mark.slow)
        for name in METHODS
    ],
)
def test_every_figure_and_weight_is_the_same(method: str, tmp_path: Path) -> None:
    base, text, _ = erased()
    reports = [
        repaired(method, base, text, tmp_path / name, residence)
        for name, residence in (("memory", None), ("files", RESTS))
    ]
    assert reports[0].pruning == reports[1].pruning and reports[0].healing == reports[1].healing
    assert reports[0].method == method and len(reports[0].figures) > 10
    for one, other in zip(reports[0].figures, reports[1].figures, strict=True):
        assert (one.metric, one.split) == (other.metric, other.split)
        for mine, theirs in ((one.before, other.before), (one.after, other.after)):
            assert (mine is None) == (theirs is None)
            if mine is not None and theirs is not None:
                assert np.isclose(mine.value, theirs.value, rtol=1e-4, atol=1e-7), one
    weights = [load_file(tmp_path / name / "model" / "model.safetensors") for name in ("memory", "files")]
    assert weights[0].keys() == weights[1].keys()
    apart = {name: (part - weights[1][name]).norm() / part.norm() for name, part in weights[0].items()}
    assert max(apart.values()) < 1e-4, apart  # what was solved for carries the rounding of its moments
    if method == "two_sided":
        assert any(
            not np.array_equal(part, load_file(base / "model.safetensors")[name]) for name, part in weights[0].items()
        )  # positive control


def test_what_cuts_neurons_out_needs_all_layers(tmp_path: Path) -> None:
    base, text, _ = erased()
    request = Request(method="fairness_pruning", text=text, sizes=SIZES, plan=replace(PLAN, shrink=True))
    with pytest.raises(UserError, match="--shrink"):
        repair(loading.load(str(base), residence=RESTS), request, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.wide
def test_a_run_that_is_killed_in_the_middle_of_a_sweep_goes_on_to_the_same_report(tmp_path: Path) -> None:
    base, text, _ = erased()
    whole = repaired("two_sided", base, text, tmp_path / "whole", RESTS)
    out = tmp_path / "killed"
    run = subprocess.run([sys.executable, __file__, str(base), str(text), str(out)], capture_output=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert list(out.glob("work/scratch*/*/*/*")), "it was killed while a sweep kept what it saw"
    went_on = repaired("two_sided", base, text, out, RESTS, resume=True)
    assert went_on.figures == whole.figures and went_on.choices == whole.choices
    assert not (out / "work").exists()
    assert went_on.cost["sweeps"] > 1 and went_on.cost["bytes_read"] > 0


def die_in_the_sweep(out: Path) -> None:
    """End this process without a word, as the system does, once a sweep has kept something."""
    plain = Streamed.tensor

    def dying(self: Streamed, name: str) -> Tensor:
        if list(out.glob("work/scratch*/*/*/*")):
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(self, name)

    Streamed.tensor = dying  # type: ignore[method-assign]


if __name__ == "__main__":
    of, with_text, to = map(Path, sys.argv[1:])
    die_in_the_sweep(to)
    repaired("two_sided", of, with_text, to, RESTS)
