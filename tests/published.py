"""Finished runs of a tiny planted model for tests that read or publish them: made once, never written to."""

import dataclasses
import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import gettempdir, mkdtemp

import planted
import pytest
from filelock import FileLock
from planted import PLAN, SIZES

import fairhub.inputs.text
import fairhub.pipeline
from fairhub.model.loading import load
from fairhub.pipeline import repair
from fairhub.request import Request

STRENGTHS = (0.1, 1.0, 10.0)
"""Those that `erased` chose from, each measured on select."""


@cache
def made(heal: bool = True) -> tuple[Path, Path, Path]:
    """Return a base model's folder, the neutral text, and the folder of a run that repaired it."""
    request = Request("robust", plan=dataclasses.replace(PLAN, heal=heal), sizes=dataclasses.replace(SIZES, shown=1))
    return _once("healed" if heal else "pruned", partial(_run, request))


@cache
def erased() -> tuple[Path, Path, Path]:
    """Return the same of a run by the default method: two-sided erasure, which solves for every attention output.

    Every candidate goes on with two pairs.
    """
    plan = dataclasses.replace(PLAN, keep="0.9", erasures=STRENGTHS, whole_front=True)
    return _once("erased", partial(_run, Request("two_sided", plan=plan, sizes=dataclasses.replace(SIZES, shown=2))))


def _run(request: Request, folder: Path) -> None:
    base = planted.save(planted.planted_model(), folder / "base")
    text = planted.write_text(folder / "neutral.txt")
    with pytest.MonkeyPatch.context() as patch:
        offline_(patch)
        repair(load(str(base)), dataclasses.replace(request, text=text), folder / "run")


def _once(name: str, make: Callable[[Path], None]) -> tuple[Path, Path, Path]:
    """Make it in a folder that all workers of this run of the tests share: who comes second waits for the first."""
    workers = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = (Path(gettempdir()) / f"fairhub-tests-{workers}" if workers else Path(mkdtemp())) / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "run" / "report.json").exists():
            make(folder)
    return folder / "base", folder / "neutral.txt", folder / "run"


def offline_(patch: pytest.MonkeyPatch) -> None:
    """No look at the network."""
    patch.setattr(fairhub.inputs.text, "_hub_answers", lambda: False)
