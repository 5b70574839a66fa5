"""`fairhub repair`: choose, heal, prove, write."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from fairhub.commands.options import (
    Axis,
    Bias,
    Chat,
    Context,
    Device,
    Dimension,
    Dtype,
    Groups,
    Json,
    Memory,
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
    note_probes,
    own_groups,
    plan_sanity,
    refuse_name,
    remembered,
    say,
)
from fairhub.defaults import METHOD

Multiple = Annotated[int | None, typer.Option(min=1, help="Of --shrink: what a width stays a multiple of.")]


def repair(
    ctx: typer.Context,
    model: Model = None,
    out: Annotated[Path, typer.Option(help="The run folder; never overwritten.")] = Path("runs/default"),
    axis: Axis = None, context: Context = None, groups: Groups = "", dimension: Dimension = None, probes: Probes = None,
    terms: Terms = None, own: Own = "", text: Text = None, chat: Chat = "auto", system: System = None,
    method: Annotated[str, typer.Option(help="How units are chosen.")] = METHOD,
    energy: Annotated[str, typer.Option(help="What annealing lowers: robust, weighted or step.")] = "",
    budget: Annotated[float, typer.Option(help="How much perplexity may rise: 0.02 is 2 %.")] = 0.02,
    keep: Annotated[str, typer.Option(help="How much may be lost: 0.05, or 'merit=0.1,recall=0.02'.")] = "",
    also: Annotated[str, typer.Option(help="'systematic': a name changes less everywhere, within the limits.")] = "",
    heal: Annotated[bool | None, typer.Option(help="Refit what stays, or not; else as the method does.")] = None,
    seconds: Seconds = None,
    seed: Annotated[int, typer.Option(help="Same seed, same result.")] = 0,
    bias: Bias = "divergence", units: Units = None, multiple: Multiple = None,
    shrink: Annotated[bool, typer.Option("--shrink", help="Cut out neurons that every layer lost.")] = False,
    per_layer: Annotated[bool, typer.Option("--per-layer", help="Fairness Pruning: anneal layers' counts.")] = False,
    variant: Annotated[str, typer.Option(help="Of two methods: 'weight=0.8, importance=l2, ...'.")] = "",
    front: Annotated[bool, typer.Option("--front", help="Measure all strengths, for the report's front.")] = False,
    of: Annotated[Path | None, typer.Option("--from", help="Take another row of this run's front.")] = None,
    choose: Annotated[int | None, typer.Option(help="Which row: of report.md, from 1.")] = None,
    suite: Suite = None, rows: Rows = None,
    on_jobs: Annotated[str | None, typer.Option(help="Show the job on this hardware of the Hub: l4x1, ...")] = None,
    to: Annotated[str | None, typer.Option(help="Where such a job publishes: org/name.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Submit the job.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    device: Device = "auto", dtype: Dtype = None, memory: Memory = None, json: Json = False,
) -> None:  # fmt: skip
    """Repair a model, prove it on unseen prompts, and write model, report and pictures to --out."""
    from fairhub import report
    from fairhub.pipeline import repair as run
    from fairhub.run.processes import leave

    plan_sanity(budget, seconds)
    refuse_name(out)
    request = _request(ctx.params)
    if of is not None or choose is not None:
        model, request = _taken(ctx, model, of, choose)
    if on_jobs is not None:
        return typer.echo(_job(ctx, request, on_jobs, to, yes))
    _refuse(request, heal)
    _refuse_job(to or yes)
    note_probes(probes)
    with _resumable(out):
        made = run(_base(model, ctx.params, request.method), request, out, resume=resume, memory=remembered())
    say(report.to_json(made) if json else f"{report.table(made)}\n\n{_places(out)}")
    leave()


def _refuse(request: Any, heal: bool | None) -> None:
    """Refuse what no model could be repaired with, and to heal what the method leaves: a taken plan is a record's."""
    from fairhub.methods import refuse_heal
    from fairhub.request import refuse

    refuse(request)
    refuse_heal(request.method, heal)


def _refuse_job(asked: object) -> None:
    from fairhub.errors import UserError

    if asked:
        raise UserError("--to and --yes belong to a job; a run here is published by fairhub publish; add --on-jobs")


_DIALS = (
    "energy", "budget", "keep", "also", "heal", "seconds", "seed", "bias", "units", "shrink", "multiple", "per_layer",
    "variant",
)  # fmt: skip
"""Options that are dials of a plan by the same name."""


def _request(given: Mapping[str, Any]) -> Any:
    """Return the request that the options ask for."""
    from fairhub.inputs.judgement.scope import Scope
    from fairhub.methods import Plan
    from fairhub.request import Request

    groups = filter(None, (group.strip() for group in given["groups"].split(",")))
    return Request(
        given["method"], tuple(given["axis"] or ()), tuple(given["context"] or ()), given["probes"], given["text"],
        Plan(**{name: given[name] for name in _DIALS}, whole_front=given["front"]),
        suite=given["suite"], rows=given["rows"], scope=Scope(tuple(groups), tuple(given["dimension"] or ())),
        chat=given["chat"], system=given["system"], own=own_groups(given["terms"], given["own"]),
    )  # fmt: skip


def _taken(ctx: typer.Context, model: str | None, of: Path | None, row: int | None) -> tuple[str | None, Any]:
    """Return the model and the request of another row of a run's front; what else was given must not be a search's."""
    from fairhub.errors import UserError
    from fairhub.studies.front import taken

    if of is None or row is None:
        raise UserError("another row of a front needs the run and the row; add --from RUN --choose N")
    given = ("from", "choose", "device", "dtype", "memory")
    if others := [word for word in _options(ctx) if word.startswith("--") and word.removeprefix("--") not in given]:
        raise UserError(f"--from takes a run's options as they were; got {others[0]} too; leave it out")
    base, request = taken(of, row)
    return model or base, request


def _base(model: str | None, given: Mapping[str, Any], method: str) -> Any:
    """Load the model, refused where a front of another was named."""
    from fairhub.studies.front import refuse_other

    base = loaded(model, given["device"], given["dtype"], method, given["memory"])
    if given["of"] is not None:
        refuse_other(base, given["of"])
    return base


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Say how a run goes on that is stopped inside the `with` block."""
    from fairhub.run.processes import interruptible

    try:
        interruptible()
        yield
    except KeyboardInterrupt:
        typer.echo(f"fairhub: stopped; the same command with --resume goes on from {out}", err=True)
        raise typer.Exit(130) from None


def _places(out: Path) -> str:
    return f"model     {out}/model\nreport    {out}/report.md, report.json\npictures  {out}/figures"


def _job(ctx: typer.Context, request: Any, flavor: str, to: str | None, yes: bool) -> str:
    """Show the job that runs the same repair, or submit it."""
    from huggingface_hub.constants import ENDPOINT

    from fairhub.publish.jobs import job, sendable, submit
    from fairhub.publish.wheel import wheel

    given = ctx.params
    model = given["model"]
    sendable(
        model, model is not None and Path(model).exists(), [o for o in ("probes", "terms", "text", "rows") if given[o]]
    )
    _refuse(request, given["heal"])  # a mistake costs nothing here; a machine that is rented for it does
    made = job(flavor, [*([model] if model else []), *_options(ctx)], to, wheel(), ENDPOINT)
    said = f"submitted {submit(made)}" if yes else "nothing was submitted; add --yes to submit it"
    return f"{made}\n\n{said}"


_HERE = ("model", "out", "on_jobs", "to", "yes", "resume", "json")


def _options(ctx: typer.Context) -> list[str]:
    """Return the options that were given otherwise than by default, as words, but for those of this machine."""
    words: list[str] = []
    for parameter in ctx.command.params:
        name, value = str(parameter.name), ctx.params.get(str(parameter.name))
        if name in _HERE or value == parameter.get_default(ctx) or value in (None, [], ()):
            continue
        if isinstance(value, bool):
            words.append(parameter.opts[0] if value else (parameter.secondary_opts or parameter.opts)[0])
        else:
            each = value if isinstance(value, list | tuple) else [value]
            words += [word for one in each for word in (parameter.opts[0], str(one))]
    return words
