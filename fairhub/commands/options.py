"""What commands share: their common options, and how a model, a device and a budget are read from them."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

Model = Annotated[
    str | None,
    typer.Argument(help="Hub id (org/name@revision) or folder; the embedded SmolLM2-135M when left out."),
]
Axis = Annotated[list[str] | None, typer.Option(help="Only this axis (repeat for more): gender, race, ...")]
Context = Annotated[list[str] | None, typer.Option(help="Search only in this context: hiring, lending, ...")]
Probes = Annotated[Path | None, typer.Option(help="Your own probes, JSONL or CSV.")]
Terms = Annotated[Path | None, typer.Option(help="Your own groups: JSONL or CSV with group, term, form.")]
Own = Annotated[str, typer.Option(help="The same in a line: 'nurses: nurse; surgeons: surgeon, male surgeon'.")]
Text = Annotated[Path | None, typer.Option(help="Your own neutral text, documents separated by blank lines.")]
Bias = Annotated[str, typer.Option(help="What fasp scores heads by: divergence, judgement, attribute or toxicity.")]
Units = Annotated[int | None, typer.Option(help="Exactly so many heads, for fasp and the papers' controls.")]
Groups = Annotated[str, typer.Option(help="Search only these groups, compared: Muslim,Christian.")]
Dimension = Annotated[list[str] | None, typer.Option(help="Judged only by: bad, criminal, poor ... (repeat).")]
Chat = Annotated[str, typer.Option(help="Ask in the model's chat template: on, off, or auto: where it has one.")]
System = Annotated[str | None, typer.Option(help="What the chat's system prompt says.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, auto ...; the GPU is taken where there is one.")]
Dtype = Annotated[str | None, typer.Option(help="float32, bfloat16 ...; float32 on a CPU.")]
Memory = Annotated[
    str | None, typer.Option(help="What weights and forwards may take: 8GB; layers beyond are read from their files.")
]
Seconds = Annotated[float | None, typer.Option(help="Bound on the search: annealing on the real model.")]
Suite = Annotated[str | None, typer.Option(help="Public benchmarks too: quick, standard or full.")]
Rows = Annotated[Path | None, typer.Option(help="Rows of benchmarks: a folder that holds one of each name.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, everything else on stderr.")]


def loaded(model: str | None, device: str, dtype: str | None, method: str = "", memory: str | None = None) -> Any:
    """Say what memory the run needs, and load the model asked for, where and in what type it was asked.

    Of a model that does not fit, or not into the `memory` that is given, some layers are left in their files.

    Raises:
        UserError: An unknown type, a model that cannot be loaded, or one that cannot fit.
    """
    from fairhub.cost.room import decided
    from fairhub.errors import plain
    from fairhub.inputs.sizes import Sizes
    from fairhub.model.loading import load
    from fairhub.run.allocation import give_back
    from fairhub.run.processes import first, main

    place, kind = device_of(device), dtype_of(dtype)
    budget = bytes_of(memory)
    with first():  # the embedded default is unpacked once
        residence, said = decided(model, place, kind, method, Sizes(), budget)
    if said and main():
        typer.echo(f"memory: {said}", err=True)
    if residence is not None:
        give_back()
    found = load(model, device=place, dtype=kind, residence=residence)
    if found.unread and main():
        named, count = plain(found.unread[0], 80), len(found.unread)
        typer.echo(f"weights: {count} of the checkpoint are not of this model and were not read ({named})", err=True)
    return found


def remembered(again: bool = False) -> Any:
    """Return what was measured before in the user's cache; nothing where all is to be measured `again`."""
    from fairhub.pipeline import remembered as known
    from fairhub.run.memory import Memory

    return Memory() if again else known()


def refuse_name(out: Path) -> None:
    """Refuse a folder whose name cannot be written into a report.

    Raises:
        UserError: It is not printable text.
    """
    from fairhub.errors import UserError, plain

    if not str(out).isprintable():
        raise UserError(f"a run's folder has a printable name; got {plain(out)!r}; mend --out")


def own_groups(terms: Path | None, own: str) -> Any:
    """Return the terms of a user's own groups, and say on stderr what of them is unseen.

    Raises:
        UserError: They cannot be read, or both options are given.
    """
    if terms is None and not own:
        return ()
    from fairhub.errors import UserError
    from fairhub.inputs.groups import described, in_line, read_terms
    from fairhub.run.processes import main

    if terms is not None and own:
        raise UserError("own groups come from --terms or from --own; got both; leave one out")
    found = read_terms(terms) if terms is not None else in_line(own)
    if main():
        typer.echo(f"note: own groups: {described(found)}", err=True)
    return found


def note_probes(probes: Path | None) -> None:
    """Say on stderr what cannot be measured on a user's own probes.

    Raises:
        UserError: They cannot be read.
    """
    if probes is None:
        return
    from fairhub.inputs.judgement.cells import unmeasurable
    from fairhub.inputs.probes import read_probes
    from fairhub.run.processes import main

    for line in unmeasurable(read_probes(probes)) if main() else ():
        typer.echo(f"note: {line}", err=True)


def bytes_of(asked: str | None) -> int | None:
    """Return how many bytes a size means, such as 8GB or 500MB (of 1,024); None where none is asked.

    Raises:
        UserError: It is no size.
    """
    if asked is None:
        return None
    from fairhub.errors import UserError, plain

    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?) ?([MG])i?B?", asked.strip(), re.IGNORECASE)
    if found is None or float(found[1]) == 0:
        raise UserError(f"memory is a size such as 8GB or 500MB; got {plain(asked)!r}; mend --memory")
    return int(float(found[1]) * (1 << (30 if found[2].upper() == "G" else 20)))


def dtype_of(asked: str | None) -> Any:
    """Return torch's type of that name, or None where none is asked.

    Raises:
        UserError: There is no such type, or none that a model is computed with.
    """
    import torch

    from fairhub.errors import UserError, plain
    from fairhub.model.loading import DTYPES

    if asked is not None and asked not in DTYPES:
        raise UserError(f"a dtype must be one of {', '.join(DTYPES)}; got {plain(asked)!r}; try float32 or bfloat16")
    return getattr(torch, asked) if asked else None


def device_of(asked: str) -> str:
    """Return the device meant: `auto` is the GPUs where there are any, and each process's own where there are several.

    Several GPUs share the layers of one model, so that one larger than each of them fits; several processes have a
    model each.

    Raises:
        UserError: torch has no such device here.
    """
    import torch

    from fairhub.errors import plain
    from fairhub.files.reading import one_line
    from fairhub.run.processes import state

    if asked != "auto":
        remedy = "use auto or cpu, or install a torch for it"
        with one_line(lambda _: f"a device must be one that torch sees here; got {plain(asked)!r}; {remedy}"):
            torch.zeros(1, device=asked).item()  # a number must come back: of some devices none does
        return asked
    if not torch.cuda.is_available():
        return "cpu"
    return str(state().device) if state().num_processes > 1 else "auto"


def say(text: str) -> None:
    """Print on stdout, once: of several processes the main one speaks."""
    from fairhub.run.processes import main

    if main():
        typer.echo(text)


def echo_json(document: dict[str, Any]) -> None:
    """Print one JSON document on stdout."""
    import json

    say(json.dumps(document))


def plan_sanity(budget: float, seconds: float | None) -> None:
    """Refuse a budget or a time that means nothing."""
    import math

    from fairhub.errors import UserError

    if not 0 < budget < 1:
        raise UserError(f"a budget must lie between 0 and 1 (0.02 is 2 % perplexity); got {budget:g}; mend --budget")
    if seconds is not None and not 0 < seconds < math.inf:
        raise UserError(f"seconds must be positive and finite; got {seconds:g}; mend --seconds")
