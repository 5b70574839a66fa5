"""`fairhub diagnose`: where in a model the two texts of a pair part."""

from pathlib import Path
from typing import Annotated

import typer

from fairhub.commands.options import Device, Dtype, Json, Model, echo_json, loaded


def diagnose(
    model: Model = None,
    pair: Annotated[
        tuple[str, str] | None, typer.Option(help="Two texts that differ in one term; the article's when left out.")
    ] = None,
    form: Annotated[
        str, typer.Option(help="Put its two terms into other sentences: noun, plural, adjective, name.")
    ] = "",
    out: Annotated[Path, typer.Option(help="Where pictures and numbers go.")] = Path("runs/diagnosis"),
    repaired: Annotated[str | None, typer.Option(help="A repaired model to put beside it.")] = None,
    generate: Annotated[bool, typer.Option("--generate", help="Continue both texts, as the article does.")] = False,
    overlap: Annotated[bool, typer.Option("--overlap", help="Do axes share their neurons, beyond chance?")] = False,
    device: Device = "auto", dtype: Dtype = None, json: Json = False,
) -> None:  # fmt: skip
    """Show where in a model the two texts of a pair part: numbers, and pictures in --out."""
    from fairhub.studies.diagnose.command import Asked, refuse, run

    refuse(pair, form)
    own = loaded(model, device, dtype)
    other = loaded(repaired, device, dtype) if repaired else None
    found, said = run(own, other, Asked(pair, out, generate, overlap, form))
    echo_json(found) if json else typer.echo(said)
