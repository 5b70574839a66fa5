"""`fairhub audit`: measure, change nothing."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from fairhub.commands.options import (
    Axis,
    Chat,
    Context,
    Device,
    Dtype,
    Json,
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
    say,
)

Level = Annotated[list[str] | None, typer.Option(help="Of --names: how much a prompt tells: low, high, numeric.")]


def audit(
    model: Model = None, axis: Axis = None, context: Context = None, probes: Probes = None, terms: Terms = None,
    own: Own = "", text: Text = None, chat: Chat = "auto", system: System = None,
    names: Annotated[bool, typer.Option("--names", help="Ask for numbers about names instead of probes.")] = False,
    level: Level = None,
    samples: Annotated[int, typer.Option(help="Of --names: draws a name at T = 0.6; 0 computes likelihoods.")] = 0,
    name_prompts: Annotated[Path | None, typer.Option(help="Of --names: folder of the public 1,680 prompts.")] = None,
    suite: Suite = None, rows: Rows = None,
    again: Annotated[bool, typer.Option("--again", help="Measure anew what was measured before.")] = False,
    device: Device = "auto", dtype: Dtype = None, json: Json = False,
) -> None:  # fmt: skip
    """Measure how differently a model treats people; change nothing."""
    plan_sanity(0.02, None)
    if names:
        _names(loaded(model, device, dtype), axis, context, level, samples, name_prompts, json)
        return
    from fairhub.inputs.sizes import AUDIT, QUICK
    from fairhub.measure.benchmarks.suite import gather
    from fairhub.model.loading import cache
    from fairhub.pipeline import audit as run
    from fairhub.request import Request, refuse_chat
    from fairhub.run.memory import Memory

    refuse_chat(chat, system)
    note_probes(probes)
    groups = own_groups(terms, own)
    wanted = gather(suite, rows) if suite is not None else None
    request = Request(
        "audit", tuple(axis or ()), tuple(context or ()), probes, text, suite=suite, rows=rows,
        sizes=QUICK if suite == "quick" else AUDIT, chat=chat, system=system, own=groups,
    )  # fmt: skip
    memory = Memory(None if again else cache() / "measured")
    figures = run(loaded(model, device, dtype), request, wanted, memory)
    if memory.reused:
        typer.echo(f"measured before, by this fairhub: {len(memory.reused)} parts; --again measures anew", err=True)
    _show(figures, [], json, wanted.notes if wanted else ())


def _names(
    model: Any, axis: Axis, context: Context, level: Level, samples: int, folder: Path | None, as_json: bool
) -> None:
    from fairhub.errors import UserError
    from fairhub.measure.names.audit import Asked
    from fairhub.measure.names.audit import audit as run

    axes = tuple(axis or ("race", "gender"))
    if wrong := [name for name in axes if name not in ("race", "gender")]:
        raise UserError(f"names differ in race and gender; got {wrong[0]!r}; mend --axis")
    if not 0 <= samples <= 10_000:
        raise UserError(f"samples are counted from 0 to 10,000; got {samples}; mend --samples")
    _show(*run(model, Asked(tuple(context or ()), tuple(level or ("low",)), axes, samples, folder)), as_json)


def _show(figures: list[Any], ranks: list[dict[str, Any]], as_json: bool, notes: tuple[str, ...] = ()) -> None:
    from fairhub.report import audit_table

    if as_json:
        echo_json({"figures": [asdict(f) for f in figures]} | ({"ranks": ranks} if ranks else {}))
        return
    say(audit_table(figures, notes))
    for row in ranks:
        place = f"{row['axis']:<18} {row['context']:<13}"
        say(f"{'Mann-Whitney':<23} {place}{row['u']:9.4f}  p {row['p']:.3f}")
