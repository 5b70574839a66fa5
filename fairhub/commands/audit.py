"""`fairhub audit`: measure, change nothing; limits on what was measured make it a gate."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from fairhub.commands import gate
from fairhub.commands.options import (
    Axis,
    Chat,
    Context,
    Device,
    Dtype,
    Json,
    Memory,
    Model,
    Own,
    Probes,
    Rows,
    Suite,
    System,
    Terms,
    Text,
    echo_json,
    loaded,
    note_probes,
    own_groups,
    plan_sanity,
    remembered,
    say,
)
from fairhub.commands.places import refuse_place, write_file

Level = Annotated[list[str] | None, typer.Option(help="Of --names: how much a prompt tells: low, high, numeric.")]


@dataclass(frozen=True)
class _Measured:
    """What an audit found of one model."""

    audit: Any
    ranks: tuple[dict[str, Any], ...] | None = None
    """Of an audit about names alone."""
    format: str = ""
    """The prompt format that it was asked in."""


def audit(
    model: Model = None, axis: Axis = None, context: Context = None, probes: Probes = None, terms: Terms = None,
    own: Own = "", text: Text = None, chat: Chat = "auto", system: System = None,
    names: Annotated[bool, typer.Option("--names", help="Ask for numbers about names instead of probes.")] = False,
    level: Level = None,
    samples: Annotated[int, typer.Option(help="Of --names: draws a name at T = 0.6; 0 computes likelihoods.")] = 0,
    name_prompts: Annotated[Path | None, typer.Option(help="Of --names: folder of the public 1,680 prompts.")] = None,
    suite: Suite = None, rows: Rows = None,
    again: Annotated[bool, typer.Option("--again", help="Measure anew what was measured before.")] = False,
    fail_over: gate.Over = None, fail_under: gate.Under = None, against: gate.Against = None,
    junit: gate.Junit = None, sarif: gate.Sarif = None,
    html: Annotated[Path | None, typer.Option(help="Write what was found as one page for a browser.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Every figure with its interval, as a table.")] = False,
    device: Device = "auto", dtype: Dtype = None, memory: Memory = None, json: Json = False,
) -> None:  # fmt: skip
    """Measure how differently a model treats people; change nothing. A limit that is broken is exit code 3."""
    plan_sanity(0.02, None)
    asked = gate.asked(fail_over, fail_under, against, junit, sarif, bool(probes or terms or own))
    refuse_place("--html", html)
    load = partial(loaded, device=device, dtype=dtype, memory=memory)
    if names:
        _refuse_page(html)
        measure = _about_names(load, axis, context, level, samples, name_prompts)
    else:
        from fairhub.inputs.sizes import of_audit
        from fairhub.request import Request, refuse_chat

        refuse_chat(chat, system)
        note_probes(probes)
        request = Request(
            "audit", tuple(axis or ()), tuple(context or ()), probes, text, suite=suite, rows=rows,
            sizes=of_audit(suite), chat=chat, system=system, own=own_groups(terms, own),
        )  # fmt: skip
        measure = _about_probes(load, request, again)
    found = measure(model, None)
    checked = gate.checked(asked, found.audit.model, found.audit.figures, lambda: _of_base(measure, against, found))
    if html is not None:
        write_file("the page", html, found.audit.html().encode())
    _show(found, checked, json, verbose)
    gate.close(asked, checked)


_Measure = Callable[[str | None, _Measured | None], _Measured]
"""Takes the name of a model and, where it is the base of another, what was found of that one."""


def _of_base(measure: _Measure, base: str | None, of: _Measured) -> tuple[str, list[Any]]:
    found = measure(base, of)
    return found.audit.model, found.audit.figures


def _about_probes(load: Callable[[str | None], Any], request: Any, again: bool) -> _Measure:
    """Return what audits a model on probes; benchmarks are measured of a base model too, and never remembered."""
    from fairhub.errors import UserError
    from fairhub.inputs.prompt_format import format_of
    from fairhub.measure.benchmarks.suite import gather
    from fairhub.pipeline import examine

    wanted = gather(request.suite, request.rows) if request.suite is not None else None

    def measure(name: str | None, of: _Measured | None) -> _Measured:
        model = load(name)
        used = format_of(model.tokenizer, request.chat, request.system).name
        if of is not None and used != of.format:
            raise UserError(
                f"--against compares models that are asked alike; {of.audit.model} is asked as {of.format}, "
                f"{model.id} as {used}; add --chat off"
            )
        memory = remembered(again)
        made = examine(model, request, wanted, memory)
        if memory.reused:
            count = len(memory.reused)
            typer.echo(f"measured before, by this fairhub: {count} parts; --again measures anew", err=True)
        return _Measured(made, format=used)

    return measure


def _about_names(
    load: Callable[[str | None], Any], axis: Axis, context: Context, level: Level, samples: int, folder: Path | None
) -> _Measure:
    """Return what asks a model for numbers about names."""
    from fairhub.errors import UserError
    from fairhub.measure.names.audit import Asked
    from fairhub.measure.names.audit import audit as run
    from fairhub.report import Audit

    axes = tuple(axis or ("race", "gender"))
    if wrong := [name for name in axes if name not in ("race", "gender")]:
        raise UserError(f"names differ in race and gender; got {wrong[0]!r}; mend --axis")
    if not 0 <= samples <= 10_000:
        raise UserError(f"samples are counted from 0 to 10,000; got {samples}; mend --samples")
    asked = Asked(tuple(context or ()), tuple(level or ("low",)), axes, samples, folder)

    def measure(name: str | None, of: _Measured | None) -> _Measured:
        model = load(name)
        figures, ranks = run(model, asked)
        return _Measured(Audit(model.id, model.revision, tuple(figures)), tuple(ranks))

    return measure


def _refuse_page(html: Path | None) -> None:
    from fairhub.errors import UserError

    if html is not None:
        raise UserError("--html shows who is judged worse, and --names asks for numbers; got both; leave one out")


def _show(found: _Measured, checked: Any, as_json: bool, verbose: bool) -> None:
    if as_json:
        parts = {"ranks": list(found.ranks)} if found.ranks else {}
        parts |= {"gate": checked.record()} if checked is not None else {}
        echo_json({"figures": [asdict(f) for f in found.audit.figures]} | parts)
        return
    say(found.audit.table() if verbose or found.ranks is not None else found.audit.brief())
    for row in found.ranks or ():
        place = f"{row['axis']:<18} {row['context']:<13}"
        say(f"{'Mann-Whitney':<23} {place}{row['u']:9.4f}  p {row['p']:.3f}")
