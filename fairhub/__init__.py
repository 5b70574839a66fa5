"""fairhub repairs social bias in language models by pruning, and proves the gain on prompts it never searched."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairhub.model.loading import load
    from fairhub.python.auditing import audit
    from fairhub.python.repairing import repair
    from fairhub.report import Audit, Report

__all__ = ["Audit", "Report", "audit", "load", "repair"]
_HOMES = {
    "Audit": "fairhub.report", "Report": "fairhub.report", "audit": "fairhub.python.auditing",
    "load": "fairhub.model.loading", "repair": "fairhub.python.repairing",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import what is offered when it is first asked for: the command line answers --help without torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
