"""What a user asks of a run, as settings that a record holds and gives back, refused where no model could do it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

from transformers import PreTrainedTokenizerBase

from fairhub import methods
from fairhub.defaults import METHOD
from fairhub.errors import UserError, one_of, plain
from fairhub.files.shapes import conform
from fairhub.inputs.data import Data
from fairhub.inputs.gathering import gather, refuse_asked
from fairhub.inputs.groups import Term, checked
from fairhub.inputs.judgement.scope import EVERYTHING, Scope, scope_of
from fairhub.inputs.prompt_format import CHAT, format_of, formatted, other_than
from fairhub.inputs.sizes import Sizes
from fairhub.measure import keep
from fairhub.measure.benchmarks.suite import refuse_suite
from fairhub.methods.head_bias import refuse_bias


@dataclass(frozen=True)
class Request:
    """What the user asked for; `probes`, `text` and `rows` may be given as text too."""

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
    chat: str = "auto"
    """Whether texts begin the answer in a chat: on, off, or auto, on where the model has a chat template."""
    system: str | None = None
    """The chat's system prompt; None leaves it to the template."""
    own: tuple[Term, ...] = ()
    """Terms of the user's own groups, as `in_line` or `read_terms` gives them."""

    def __post_init__(self) -> None:
        """Take paths that were given as text."""
        for name in ("probes", "text", "rows"):
            if isinstance(path := getattr(self, name), str):
                object.__setattr__(self, name, Path(path))


def data_of(
    request: Request, tokenizer: PreTrainedTokenizerBase, pinned: Sequence[Mapping[str, str]] = (),
    proved: Sequence[str] = (), beside: bool = True,
) -> Data:  # fmt: skip
    """Return what a request is measured on, in the prompt format that it asks for.

    Args:
        request: What was asked.
        tokenizer: Of the model.
        pinned: The data entries of an earlier report, whose sources are to be taken again.
        proved: Only these axes (and control) in the proof; empty for all.
        beside: Whether part of held_out is wanted in the other format too.

    Raises:
        UserError: What `gather` and `format_of` refuse.
    """
    used = format_of(tokenizer, request.chat, request.system)
    data = gather(
        request.axes, request.contexts, request.probes, request.text, tokenizer, request.sizes, pinned, proved,
        request.rows, request.scope, request.own,
    )  # fmt: skip
    return formatted(data, used, other_than(used, tokenizer) if beside else None)


def settled(request: Request, data: Data) -> Request:
    """Return the request with the format that was used, so that a record says it."""
    return replace(request, chat="on" if data.before else "off")


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
            scope=scope_of(settings), chat=settings.get("chat", "off"), system=settings.get("system"),
            own=checked(settings["own"], "settings.own") if settings.get("own") else (),
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


class _Term(TypedDict):
    group: str
    term: str
    form: str


class _Scope(TypedDict):
    groups: list[str]
    dimensions: list[str]


_OF_LATER = ("suite", "rows", "chat", "system", "own")
_SETTINGS: Mapping[str, Any] = {
    "method": str, "axes": list[str], "contexts": list[str], "probes": str | None, "text": str | None,
    "plan": methods.Plan, "sizes": Sizes, "suite": str | None, "rows": str | None,
    "chat": str | None, "system": str | None, "own": list[_Term] | None,
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
    refuse_chat(request.chat, request.system)
    refuse_bias(request.plan.bias)
    methods.refuse_variant(request.method, request.plan.variant)
    keep.limits_of(request.plan.keep)
    methods.refuse_also(request.method, request.plan.also)
    methods.refuse_energy(request.method, request.plan.energy, request.plan.per_layer)
    refuse_asked(request.axes, request.contexts, request.probes, request.scope, request.own)
    if request.suite:
        refuse_suite(request.suite)


def refuse_chat(chat: str, system: str | None) -> None:
    """Refuse a prompt format that is none, or a system prompt that no chat would have.

    Raises:
        UserError: That.
    """
    one_of("--chat", chat, CHAT)
    if system is not None and (chat == "off" or len(system) > _LONGEST_SYSTEM):
        got = "--chat off" if chat == "off" else f"{len(system):,} letters"
        raise UserError(f"a system prompt is of a chat, at most {_LONGEST_SYSTEM:,} letters; got {got}; mend --system")


_LONGEST_SYSTEM = 4000


def _plain(value: Any) -> Any:
    """Return paths as text and tuples as lists, as JSON holds them."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
