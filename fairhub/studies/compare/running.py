"""Runs each method in a folder of its own under equal conditions; a comparison that was stopped goes on."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from fairhub import methods, report
from fairhub.errors import UserError
from fairhub.methods.head_choice import counts
from fairhub.model.loading import Loaded
from fairhub.pipeline import repair
from fairhub.report import Report
from fairhub.request import Request, refuse, request_of
from fairhub.run.memory import Memory

EQUAL = ("bias_only", "ppl_only", "random", "magnitude", "mask_gradient")
"""The papers' controls: they remove as many heads as FASP did, where it ran too."""


def run_methods(
    load: Callable[[], Loaded], request: Request, names: Sequence[str], out: Path, memory: Memory | None = None
) -> list[Path]:
    """Run every method on the same model, probes, text, budget and seed; return their folders in the order asked.

    A method whose folder has its report is not run again; one that was stopped goes on. FASP runs before the papers'
    controls, which then remove exactly as many heads (the fewest on its grid where FASP removed none).

    Args:
        load: Loads the model afresh: a repair changes it.
        request: What is asked of every method, but for its name.
        names: Methods.
        out: Each method has the folder of its name in it.
        memory: What was measured of the model as it is before; None measures it for each method.

    Raises:
        UserError: An unknown method, one named twice, or a folder with another run in it.
    """
    if unknown := [name for name in names if name not in methods.METHODS]:
        raise UserError(f"methods are among {', '.join(methods.METHODS)}; got {unknown[0]!r}; mend --methods")
    if len(set(names)) < len(names):
        raise UserError(f"a comparison has each method once; got {', '.join(names)}; mend --methods")
    for name in names:
        refuse(replace(request, method=name))
    plan = request.plan
    for name in sorted(names, key=lambda name: name in EQUAL):
        asked = replace(request, method=name, plan=plan if name in EQUAL else request.plan)
        made = _run(load, asked, out / name, memory)
        if name == "fasp" and plan.units is None:
            plan = replace(plan, units=len(made.pruning) or _fewest(made, request))
    return [out / name for name in names]


def _run(load: Callable[[], Loaded], request: Request, folder: Path, memory: Memory | None) -> Report:
    if (folder / "report.json").is_file():
        made = report.read(folder / "report.json")
        if made.settings is None or not _same(request_of(made.settings, made.fairhub), request):
            raise UserError(
                f"a comparison goes on with runs of its settings; {folder} has another; choose another --out"
            )
        return made
    resume = (folder / "work" / "settings.json").is_file()
    return repair(load(), request, folder, resume=resume, memory=memory)


def _same(recorded: Request, request: Request) -> bool:
    """Whether a finished run is of this request; it records the prompt format that `auto` came to for its model."""
    if request.chat == "auto":
        request = replace(request, chat=recorded.chat)
    return _asked(recorded) == _asked(request)


def _asked(request: Request) -> str:
    return json.dumps(asdict(request), default=str, sort_keys=True)


def _fewest(made: Report, request: Request) -> int:
    return counts(int(made.base_model["layers"]) * int(made.base_model["heads"]), request.plan)[0]
