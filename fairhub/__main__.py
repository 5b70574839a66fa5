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
Bias = Annotated[str, typer.Option(help="What fasp scores heads by: divergence, attribute or toxicity.")]
Units = Annotated[int | None, typer.Option(help="Exactly so many heads, for fasp and the papers' controls.")]
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
def diagnose(
    model: Model = None,
    pair: Annotated[
        tuple[str, str] | None, typer.Option(help="Two texts that differ in one term; the article's when left out.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where pictures and numbers go.")] = Path("runs/diagnosis"),
    repaired: Annotated[str | None, typer.Option(help="A repaired model to put beside it.")] = None,
    generate: Annotated[bool, typer.Option("--generate", help="Continue both texts, as the article does.")] = False,
    overlap: Annotated[bool, typer.Option("--overlap", help="Do axes share their neurons, beyond chance?")] = False,
    device: Device = "auto", dtype: Dtype = None, json: Json = False,
) -> None:  # fmt: skip
    """Show where in a model the two texts of a pair part: numbers, and pictures in --out."""
    from fairhub.diagnose import Asked, run

    loaded = _load(model, device, dtype)
    other = _load(repaired, device, dtype) if repaired else None
    found, said = run(loaded, other, Asked(pair, out, generate, overlap))
    _echo_json(found) if json else typer.echo(said)


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

    _plan_sanity(budget, seconds)
    parsed(variant)
    request = Request(
        method, tuple(axis or ()), tuple(context or ()), probes, text,
        Plan(energy=known(energy), budget=budget, heal=heal, seconds=seconds, seed=seed, bias=bias, units=units,
             shrink=shrink, per_layer=per_layer, variant=variant),
    )  # fmt: skip
    try:
        made = run(_load(model, device, dtype), request, out, resume=resume)
    except KeyboardInterrupt:
        typer.echo(f"fairhub: stopped; the same command with --resume goes on from {out}", err=True)
        raise typer.Exit(130) from None
    typer.echo(report.to_json(made) if json else f"{report.table(made)}\n\n{_places(out)}")


@app.command()
def compare(
    model: Model = None,
    methods: Annotated[str, typer.Option(help="Methods, separated by commas.")] = "robust,fasp,random,magnitude",
    runs: Annotated[list[Path] | None, typer.Option(help="Compare these finished runs instead (repeat).")] = None,
    out: Annotated[Path, typer.Option(help="Where runs and comparison go.")] = Path("runs/compare"),
    axis: Axis = None, context: Context = None, probes: Probes = None, text: Text = None,
    budget: Annotated[float, typer.Option(help="How much perplexity may rise: 0.02 is 2 %.")] = 0.02,
    seconds: Annotated[float | None, typer.Option(help="Bound on annealing on the real model.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same result.")] = 0,
    bias: Bias = "divergence", units: Units = None, device: Device = "auto", dtype: Dtype = None, json: Json = False,
) -> None:  # fmt: skip
    """Repair a model by several methods under equal conditions, or take finished runs, and compare them in pairs."""
    from fairhub.comparison.command import compared
    from fairhub.methods import Plan
    from fairhub.repair import Request

    _plan_sanity(budget, seconds)
    plan = Plan(budget=budget, seconds=seconds, seed=seed, bias=bias, units=units)
    request = Request("", tuple(axis or ()), tuple(context or ()), probes, text, plan)
    try:
        typer.echo(compared(lambda: _load(model, device, dtype), request, methods, runs or [], out, json))
    except KeyboardInterrupt:
        typer.echo(f"fairhub: stopped; the same command goes on from {out}", err=True)
        raise typer.Exit(130) from None


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="The run folder (--out of a repair).")],
    to: Annotated[str, typer.Option(help="org/name on the Hub; made if it is not there.")],
    private: Annotated[bool, typer.Option("--private", help="Make it private.")] = False,
    pr: Annotated[bool, typer.Option("--pr", help="Open a pull request; to a repository of others too.")] = False,
    tag: Annotated[str | None, typer.Option(help="Tag the commit, such as v1.")] = None,
    recipe_only: Annotated[bool, typer.Option("--recipe-only", help="Card and recipe without weights.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show everything, send nothing.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds that the Hub may be silent.")] = 120,
    json: Json = False,
) -> None:  # fmt: skip
    """Publish a run with its model card, in one commit; signed in by `hf auth login`."""
    from fairhub import hub

    made = hub.publish(
        run, to, private=private, pr=pr, tag=tag, dry_run=dry_run, weights=not recipe_only, timeout=timeout,
        show=lambda line: typer.echo(line, err=json),
    )  # fmt: skip
    if json:
        _echo_json({"url": made.url, "commit": made.commit, "changed": made.changed})
    elif dry_run:
        typer.echo(f"nothing was sent; without --dry-run it goes to {made.url}")
    else:
        typer.echo(f"{'published' if made.changed else 'nothing had changed'}: {made.url}")


@app.command()
def reproduce(
    source: Annotated[str, typer.Argument(help="org/name[@revision] of a published repair, or a folder.")],
    quick: Annotated[bool, typer.Option("--quick", help="Measure held_out and utility only.")] = False,
    base: Annotated[str | None, typer.Option(help="The base model, where the recipe names a folder.")] = None,
    probes: Probes = None, text: Text = None, device: Device = "auto", json: Json = False,
) -> None:  # fmt: skip
    """Make a published repair again, measure it again, and compare; exit status 1 if anything is different."""
    from dataclasses import asdict

    from fairhub import reproduce as reproduction

    mine = reproduction.Mine(base, probes, text, _device(device))
    checks = reproduction.reproduce(source, quick=quick, mine=mine)
    agrees = reproduction.agrees(checks)
    if json:
        _echo_json({"agrees": agrees, "checks": [asdict(check) for check in checks]})
    else:
        typer.echo(reproduction.table(checks))
    raise typer.Exit(0 if agrees else 1)


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

    kind = getattr(torch, dtype, None) if dtype else None
    if dtype and not isinstance(kind, torch.dtype):
        raise UserError(f"a dtype must be one of torch's; got {dtype!r}; try float32 or bfloat16")
    return load(model, device=_device(device), dtype=kind)


def _device(asked: str) -> str:
    import torch

    return "cpu" if asked == "auto" and not torch.cuda.is_available() else asked


def _echo_json(document: dict[str, Any]) -> None:
    import json

    typer.echo(json.dumps(document))


def _plan_sanity(budget: float, seconds: float | None) -> None:
    from fairhub.errors import UserError

    if not 0 < budget < 1:
        raise UserError(f"a budget must lie between 0 and 1 (0.02 is 2 % perplexity); got {budget:g}; mend --budget")
    if seconds is not None and not seconds > 0:
        raise UserError(f"seconds must be positive; got {seconds:g}; mend --seconds")


def _places(out: Path) -> str:
    return f"model     {out}/model\nreport    {out}/report.md, report.json\npictures  {out}/figures"


def _show_audit(figures: list[Any], as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        _echo_json({"figures": [asdict(f) for f in figures]})
        return
    for f in figures:
        b = f.before
        typer.echo(
            f"{f.name:<12}{f.split:<10}{f.axis:<20}{f.context:<12}{b.value:9.4f}  [{b.low:.4f}, {b.high:.4f}]"
            f"  {f.items} items, {f.clusters} clusters, {f.better} is better"
        )


if __name__ == "__main__":
    main()
