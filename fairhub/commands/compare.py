"""`fairhub compare`: several methods, or finished runs, side by side."""

from pathlib import Path
from typing import Annotated

import typer

from fairhub.commands.options import (
    Axis,
    Bias,
    Chat,
    Context,
    Device,
    Dtype,
    Json,
    Model,
    Own,
    Probes,
    Rows,
    Seconds,
    Suite,
    System,
    Terms,
    Text,
    Units,
    loaded,
    own_groups,
    plan_sanity,
    refuse_name,
)

_USUAL = "robust,fasp,random,magnitude"


def compare(
    model: Model = None,
    methods: Annotated[str, typer.Option(help="Methods, separated by commas.")] = _USUAL,
    runs: Annotated[list[Path] | None, typer.Option(help="Compare these finished runs instead (repeat).")] = None,
    out: Annotated[Path, typer.Option(help="Where runs and comparison go.")] = Path("runs/compare"),
    axis: Axis = None, context: Context = None, probes: Probes = None, terms: Terms = None,
    own: Own = "", text: Text = None, chat: Chat = "auto", system: System = None,
    budget: Annotated[float, typer.Option(help="How much perplexity may rise: 0.02 is 2 %.")] = 0.02,
    seconds: Seconds = None,
    seed: Annotated[int, typer.Option(help="Same seed, same result.")] = 0,
    bias: Bias = "divergence", units: Units = None, suite: Suite = None, rows: Rows = None,
    as_published: Annotated[
        bool, typer.Option("--as-published", help="Measure published methods by their papers' own figures too.")
    ] = False,
    device: Device = "auto", dtype: Dtype = None, json: Json = False,
) -> None:  # fmt: skip
    """Repair a model by several methods under equal conditions, or take finished runs, and compare them in pairs."""
    from fairhub.methods import Plan
    from fairhub.request import Request
    from fairhub.studies.compare.command import compared
    from fairhub.studies.compare.published import METHODS

    plan_sanity(budget, seconds)
    refuse_name(out)
    plan = Plan(budget=budget, seconds=seconds, seed=seed, bias=bias, units=units)
    request = Request(
        "", tuple(axis or ()), tuple(context or ()), probes, text, plan, suite=suite, rows=rows, chat=chat,
        system=system, own=own_groups(terms, own),
    )  # fmt: skip
    names = ",".join(METHODS) if as_published and methods == _USUAL else methods
    repaired = (lambda run: loaded(str(run / "model"), device, dtype)) if as_published else None
    try:
        typer.echo(compared(lambda: loaded(model, device, dtype), request, names, runs or [], out, json, repaired))
    except KeyboardInterrupt:
        typer.echo(f"fairhub: stopped; the same command goes on from {out}", err=True)
        raise typer.Exit(130) from None
