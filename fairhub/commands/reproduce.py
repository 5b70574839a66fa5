"""`fairhub reproduce`: a published repair, made and measured again."""

from typing import Annotated

import typer

from fairhub.commands.options import Device, Json, Probes, Rows, Text, device_of, echo_json


def reproduce(
    source: Annotated[str, typer.Argument(help="org/name[@revision] of a published repair, or a folder.")],
    quick: Annotated[bool, typer.Option("--quick", help="Measure held_out and utility only.")] = False,
    base: Annotated[str | None, typer.Option(help="The base model, where the recipe names a folder.")] = None,
    probes: Probes = None, text: Text = None, rows: Rows = None, device: Device = "auto", json: Json = False,
) -> None:  # fmt: skip
    """Make a published repair again, measure it again, and compare.

    Exit status 0: reproduced; 1: something came out different; 2: it could not be run, or is no record of a run.
    """
    from dataclasses import asdict

    from fairhub.publish import reproduce as reproduction

    mine = reproduction.Mine(base, probes, text, device_of(device), rows)
    checks = reproduction.reproduce(source, quick=quick, mine=mine)
    agrees = reproduction.agrees(checks)
    if json:
        echo_json({"agrees": agrees, "checks": [asdict(check) for check in checks]})
    else:
        typer.echo(reproduction.table(checks))
    raise typer.Exit(0 if agrees else 1)
