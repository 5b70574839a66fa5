"""The command line."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Repairs social bias in language models by pruning, and proves the gain on prompts it never searched.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip

Model = Annotated[
    str | None,
    typer.Argument(help="Hub id (org/name@revision) or folder; the embedded SmolLM2-135M when left out."),
]
Axis = Annotated[list[str] | None, typer.Option(help="Only this axis (repeat for more): gender, race, ...")]
Context = Annotated[list[str] | None, typer.Option(help="Search only in this context: hiring, lending, ...")]
Probes = Annotated[Path | None, typer.Option(help="Your own probes, JSONL or CSV.")]
Text = Annotated[Path | None, typer.Option(help="Your own neutral text, documents separated by blank lines.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, auto ...; the GPU is taken where there is one.")]
Dtype = Annotated[str | None, typer.Option(help="float32, bfloat16 ...; float32 on a CPU.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, everything else on stderr.")]


@app.command()
def audit(
    model: Model = None, axis: Axis = None, context: Context = None, probes: Probes = None, text: Text = None,
    device: Device = "auto", dtype: Dtype = None, json: Json = False,
) -> None:  # fmt: skip
    """Measure how differently a model treats people; change nothing."""
    from fairhub.repair import Request
    from fairhub.repair import audit as run

    _plan_sanity(0.02, None)
    figures = run(_load(model, device, dtype), Request("audit", tuple(axis or ()), tuple(context or ()), probes, text))
    _show_audit(figures, json)


@app.command()
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
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    device: Device = "auto", dtype: Dtype = None, json: Json = False,
) -> None:  # fmt: skip
    """Repair a model, prove it on unseen prompts, and write model, report and pictures to --out."""
    from fairhub import report
    from fairhub.energies import known
    from fairhub.methods import Plan
    from fairhub.repair import Request
    from fairhub.repair import repair as run

    _plan_sanity(budget, seconds)
    request = Request(
        method, tuple(axis or ()), tuple(context or ()), probes, text,
        Plan(energy=known(energy), budget=budget, heal=heal, seconds=seconds, seed=seed),
    )  # fmt: skip
    try:
        made = run(_load(model, device, dtype), request, out, resume=resume)
    except KeyboardInterrupt:
        typer.echo(f"fairhub: stopped; the same command with --resume goes on from {out}", err=True)
        raise typer.Exit(130) from None
    typer.echo(report.to_json(made) if json else f"{report.table(made)}\n\n{_places(out)}")


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    from fairhub.errors import UserError

    try:
        app()
    except UserError as error:
        typer.echo(f"fairhub: {error}", err=True)
        sys.exit(2)


def _load(model: str | None, device: str, dtype: str | None) -> Any:
    import torch

    from fairhub.errors import UserError
    from fairhub.loading import load

    if device == "auto" and not torch.cuda.is_available():
        device = "cpu"
    kind = getattr(torch, dtype, None) if dtype else None
    if dtype and not isinstance(kind, torch.dtype):
        raise UserError(f"a dtype must be one of torch's; got {dtype!r}; try float32 or bfloat16")
    return load(model, device=device, dtype=kind)


def _plan_sanity(budget: float, seconds: float | None) -> None:
    from fairhub.errors import UserError

    if not 0 < budget < 1:
        raise UserError(f"a budget must lie between 0 and 1 (0.02 is 2 % perplexity); got {budget:g}; mend --budget")
    if seconds is not None and not seconds > 0:
        raise UserError(f"seconds must be positive; got {seconds:g}; mend --seconds")


def _places(out: Path) -> str:
    return f"model     {out}/model\nreport    {out}/report.md, report.json\npictures  {out}/figures"


def _show_audit(figures: list[Any], as_json: bool) -> None:
    import dataclasses
    import json as json_

    if as_json:
        typer.echo(json_.dumps({"figures": [dataclasses.asdict(f) for f in figures]}))
        return
    for f in figures:
        b = f.before
        typer.echo(
            f"{f.name:<12}{f.split:<10}{f.axis:<20}{f.context:<12}{b.value:9.4f}  [{b.low:.4f}, {b.high:.4f}]"
            f"  {f.items} items, {f.clusters} clusters, {f.better} is better"
        )


if __name__ == "__main__":
    main()
