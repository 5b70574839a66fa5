"""`fairhub repair`: choose, heal, prove, write."""

from pathlib import Path
from typing import Annotated

import typer

from fairhub.commands.options import (
    Axis,
    Bias,
    Context,
    Device,
    Dtype,
    Json,
    Model,
    Probes,
    Text,
    Units,
    loaded,
    plan_sanity,
)


def repair(
    model: Model = None,
    out: Annotated[Path, typer.Option(help="The run folder; never overwritten.")] = Path("runs/default"),
    axis: Axis = None, context: Context = None, probes: Probes = None, text: Text = None,
    method: Annotated[str, typer.Option(help="How units are chosen.")] = "robust",
    energy: Annotated[str, typer.Option(help="What annealing lowers: robust, weighted or step.")] = "robust",
    budget: Annotated[float, typer.Option(help="How much perplexity may rise: 0.02 is 2 %.")] = 0.02,
    heal: Annotated[bool, typer.Option(help="Refit the columns that stay.")] = True,
    seconds: Annotated[float | None, typer.Option(help="Bound on annealing on the real model.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same result.")] = 0,
    bias: Bias = "divergence", units: Units = None,
    shrink: Annotated[bool, typer.Option("--shrink", help="Cut out neurons that every layer lost.")] = False,
    per_layer: Annotated[bool, typer.Option("--per-layer", help="Fairness Pruning: anneal layers' counts.")] = False,
    variant: Annotated[str, typer.Option(help="Fairness Pruning: 'weight=0.8, importance=l2, ...'.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    device: Device = "auto", dtype: Dtype = None, json: Json = False,
) -> None:  # fmt: skip
    """Repair a model, prove it on unseen prompts, and write model, report and pictures to --out."""
    from fairhub import report
    from fairhub.energies import known
    from fairhub.methods import Plan
    from fairhub.methods.fairness_pruning import parsed
    from fairhub.repair import Request
    from fairhub.repair import repair as run

    plan_sanity(budget, seconds)
    parsed(variant)
    request = Request(
        method, tuple(axis or ()), tuple(context or ()), probes, text,
        Plan(energy=known(energy), budget=budget, heal=heal, seconds=seconds, seed=seed, bias=bias, units=units,
             shrink=shrink, per_layer=per_layer, variant=variant),
    )  # fmt: skip
    try:
        made = run(loaded(model, device, dtype), request, out, resume=resume)
    except KeyboardInterrupt:
        typer.echo(f"fairhub: stopped; the same command with --resume goes on from {out}", err=True)
        raise typer.Exit(130) from None
    typer.echo(report.to_json(made) if json else f"{report.table(made)}\n\n{_places(out)}")


def _places(out: Path) -> str:
    return f"model     {out}/model\nreport    {out}/report.md, report.json\npictures  {out}/figures"
