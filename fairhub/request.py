"""What a user asks of a run, as settings that a record holds and gives back, refused where no model could do it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from fairhub import methods
from fairhub.defaults import METHOD
from fairhub.errors import UserError, one_of, plain
from fairhub.files.shapes import conform
from fairhub.inputs.gathering import refuse_asked
from fairhub.inputs.judgement.scope import EVERYTHING, Scope, scope_of
from fairhub.inputs.sizes import Sizes
from fairhub.measure import keep
from fairhub.measure.benchmarks.suite import refuse_suite
from fairhub.methods.head_bias import refuse_bias


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    method: str = METHOD
    axes: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    probes: Path | None = None
    text: Path | None = None
    plan: methods.Plan = methods.Plan()
    sizes: Sizes = Sizes()
    suite: str | None = None
    """Public benchmarks to measure too: quick, standard or full."""
    rows: Path | None = None
    """Where rows of benchmarks lie that are not taken from a package or the Hub."""
    scope: Scope = EVERYTHING
    """Groups and dimensions that search and select are restricted to."""


def request_of(settings: Mapping[str, Any], version: str = "") -> Request:
    """Return the request that a run's recorded settings came from.

    Args:
        settings: As `settings_of` wrote them.
        version: Of the fairhub that wrote them, where it is known.

    Raises:
        UserError: One is missing, or this fairhub has no such dial.
    """
    try:
        _refuse_settings(settings)
        return Request(
            method=settings["method"], axes=tuple(settings["axes"]), contexts=tuple(settings["contexts"]),
            probes=settings["probes"] and Path(settings["probes"]), text=settings["text"] and Path(settings["text"]),
            plan=methods.Plan(**settings["plan"]), sizes=Sizes(**settings["sizes"]),
            suite=settings.get("suite"), rows=settings.get("rows") and Path(settings["rows"]),
            scope=scope_of(settings),
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        wrote = f"fairhub {version}" if version else "the fairhub that wrote them"
        raise UserError(
            f"settings must have the dials of this fairhub; got others ({plain(error)}); use {wrote}"
        ) from error


_MOST = 10_000_000
"""Of probes or tokens that settings may ask for."""


def _refuse_settings(settings: Mapping[str, Any]) -> None:
    """Refuse recorded settings of other types than options have: a record may be a stranger's.

    Raises:
        UserError: One has another type, or asks for more than any run.
        KeyError: One is missing.
        TypeError: This fairhub has no such dial.
    """
    methods.Plan(**settings["plan"]), Sizes(**settings["sizes"])
    for name, hint in _SETTINGS.items():
        conform(settings.get(name) if name in _OF_LATER else settings[name], hint, f"settings.{name}")
    try:
        conform(settings.get("scope", {"groups": [], "dimensions": []}), _Scope, "settings.scope")
    except UserError as error:
        raise TypeError(str(error)) from error
    for name, count in settings["sizes"].items():
        if not 0 <= count <= _MOST:
            raise UserError(f"settings.sizes.{name} lies between 0 and {_MOST}; got {count}; take it from its maker")
    if not 0 <= settings["plan"].get("seed", 0) or not 0 < settings["plan"].get("budget", 0.02) < 1:
        raise UserError("settings have a seed of 0 or more and a budget between 0 and 1; got others; ask their maker")


class _Scope(TypedDict):
    groups: list[str]
    dimensions: list[str]


_OF_LATER = ("suite", "rows")
_SETTINGS: Mapping[str, Any] = {
    "method": str, "axes": list[str], "contexts": list[str], "probes": str | None, "text": str | None,
    "plan": methods.Plan, "sizes": Sizes, "suite": str | None, "rows": str | None,
}  # fmt: skip


def settings_of(request: Request) -> dict[str, Any]:
    """Return a request as JSON holds it, for `request_of`."""
    return dict(_plain(asdict(request)))


def refuse(request: Request) -> None:
    """Refuse what no model could be repaired with, before one is loaded or sent for.

    Raises:
        UserError: An unknown method, bias, variant, energy, axis, context, group, dimension or suite, or probes that
            cannot be read.
    """
    one_of("a method", request.method, methods.METHODS)
    refuse_bias(request.plan.bias)
    methods.refuse_variant(request.method, request.plan.variant)
    keep.limits_of(request.plan.keep)
    methods.refuse_also(request.method, request.plan.also)
    methods.refuse_energy(request.method, request.plan.energy, request.plan.per_layer)
    refuse_asked(request.axes, request.contexts, request.probes, request.scope)
    if request.suite:
        refuse_suite(request.suite)


def _plain(value: Any) -> Any:
    """Return paths as text and tuples as lists, as JSON holds them."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
