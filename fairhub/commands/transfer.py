"""`fairhub transfer`: repaired on each context, measured in every other."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fairhub.commands.options import (
    Axis,
    Context,
    Device,
    Dtype,
    Json,
    Model,
    Probes,
    Text,
    echo_json,
    loaded,
    plan_sanity,
    refuse_name,
)


def transfer(
    model: Model = None,
    methods: Annotated[str, typer.Option(help="Methods, by commas.")] = "two_sided,breaking_down_bias,fairness_pruning",
    out: Annotated[Path, typer.Option(help="Where the matrix goes; the same command goes on.")] = Path("runs/transfer"),
    run: Annotated[Path | None, typer.Option(help="A finished run whose report shall show the matrix.")] = None,
    axis: Axis = None, context: Context = None,
    names: Annotated[bool, typer.Option("--names", help="Ask for numbers about names instead of probes.")] = False,
    items: Annotated[bool, typer.Option("--items", help="Of --names: the items of one scenario as contexts.")] = False,
    probes: Probes = None, text: Text = None,
    budget: Annotated[float, typer.Option(help="How much perplexity may rise: 0.02 is 2 %.")] = 0.02,
    seed: Annotated[int, typer.Option(help="Same seed, same result.")] = 0,
    leave_out: Annotated[str, typer.Option(help="Erasures without each: axis, group, context or dimension.")] = "",
    strength: Annotated[float, typer.Option(help="Of --leave-out's erasures.")] = 1.0,
    variant: Annotated[str, typer.Option(help="Breaking Down Bias: 'unit=weight, q=0.1, ...'.")] = "",
    figure: Annotated[str, typer.Option(help="What is measured: judgement, or divergence (of own pairs).")] = "",
    device: Device = "auto", dtype: Dtype = None, json: Json = False,
) -> None:  # fmt: skip
    """Repair a model for each context and for all but each, and measure every repair in every context."""
    from fairhub.errors import UserError
    from fairhub.methods.breaking_down_bias import parsed
    from fairhub.studies.transfer.command import Asked
    from fairhub.studies.transfer.command import text as said
    from fairhub.studies.transfer.command import transfer as made
    from fairhub.studies.transfer.left_out import refuse

    plan_sanity(budget, None)
    refuse_name(out)
    if leave_out:
        refuse(leave_out, strength)
        typer.echo(_left_out(loaded(model, device, dtype), leave_out, strength, text, out))
        return
    parsed(variant)
    asked = _methods(methods, variant)
    if figure and names:
        raise UserError("--figure is of texts; --names measures gaps between names; leave one of them out")
    what = Asked(
        asked, tuple(context or ()), tuple(axis or ()), names, items, probes, text, budget, seed, variant, figure
    )
    try:
        found = made(loaded(model, device, dtype), what, out, run, lambda line: typer.echo(line, err=True))
    except KeyboardInterrupt:
        typer.echo(f"fairhub: stopped; the same command goes on from {out}", err=True)
        raise typer.Exit(130) from None
    if json:
        echo_json(found)
    else:
        typer.echo(f"{said(found)}\n\nwritten   {out}/transfer.md, transfer.json, transfer.png")


def _methods(methods: str, variant: str) -> tuple[str, ...]:
    """Return the methods that are named, refused where none is, one twice, or where a variant is of none of them."""
    from fairhub.errors import UserError

    asked = tuple(name.strip() for name in methods.split(",") if name.strip())
    if not asked or len(set(asked)) < len(asked):
        raise UserError("a transfer needs methods, each once; --methods names none, or one twice; name some by commas")
    if variant and "breaking_down_bias" not in asked:
        raise UserError("--variant of transfer is breaking_down_bias'; it is not among --methods; leave --variant out")
    return asked


def _left_out(base: Any, kind: str, strength: float, text: Path | None, out: Path) -> str:
    """Return what a terminal shows of erasures that each did not see something."""
    from fairhub.inputs.sizes import Sizes
    from fairhub.studies.transfer.left_out import carried

    try:
        shown = carried(base, kind, strength, text, Sizes(), out)
    except KeyboardInterrupt:
        typer.echo(f"fairhub: stopped; the same command goes on from {out}", err=True)
        raise typer.Exit(130) from None
    plain = shown.replace("\\", "")  # a terminal takes what Markdown must escape
    return f"{plain}\n\nwritten   {out}/leave_out.md, leave_out.json"
