"""A finished run of a tiny planted model, made once a session, for tests that publish it."""

import dataclasses
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import planted
import pytest
from planted import PLAN, SIZES

import fairhub.inputs.text
import fairhub.pipeline
from fairhub.model.loading import load
from fairhub.pipeline import repair
from fairhub.request import Request


@cache
def erased() -> tuple[Path, Path, Path]:
    """Return the same of a run by the default method: two-sided erasure, which solves for every attention output."""
    base, text, _ = made()
    folder = Path(mkdtemp())
    plan = dataclasses.replace(PLAN, keep="0.9", erasures=(0.1, 1.0, 10.0))
    with pytest.MonkeyPatch.context() as patch:
        offline_(patch)
        repair(load(str(base)), Request("two_sided", text=text, plan=plan, sizes=SIZES), folder / "run")
    return base, text, folder / "run"


@cache
def made(heal: bool = True) -> tuple[Path, Path, Path]:
    """Return a base model's folder, the neutral text, and the folder of a run that repaired it."""
    folder = Path(mkdtemp())
    base = planted.save(planted.planted_model(), folder / "base")
    text = planted.write_text(folder / "neutral.txt")
    plan = dataclasses.replace(PLAN, heal=heal)
    with pytest.MonkeyPatch.context() as patch:
        offline_(patch)
        repair(load(str(base)), Request("robust", text=text, plan=plan, sizes=SIZES), folder / "run")
    return base, text, folder / "run"


def offline_(patch: pytest.MonkeyPatch) -> None:
    """No look at the network."""
    patch.setattr(fairhub.inputs.text, "_hub_answers", lambda: False)
