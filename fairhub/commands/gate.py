"""The gate of `fairhub audit`: limits from options, and what came of them, said, written and as exit code 3."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from fairhub.commands.places import refuse_place, write_file

BROKEN = 3
"""Exit code where a limit is broken; a user's mistake is 2."""

Over = Annotated[
    list[str] | None,
    typer.Option(help="Exit 3 where a figure's value exceeds this: judgement=0.001, judgement@race=0.01 (repeat)."),
]
Under = Annotated[
    list[str] | None, typer.Option(help="Exit 3 where a figure's value falls below this: recall=0.9 (repeat).")
]
Against = Annotated[str | None, typer.Option(help="Limits are shares of this model's figures: 0.9 is 90 % of them.")]
Junit = Annotated[Path | None, typer.Option(help="Write what became of the limits as JUnit XML.")]
Sarif = Annotated[Path | None, typer.Option(help="Write the broken limits as SARIF 2.1.0.")]


@dataclass(frozen=True)
class Asked:
    """What was asked of a gate."""

    limits: tuple[Any, ...]
    against: str | None
    junit: Path | None
    sarif: Path | None


def asked(over: Over, under: Under, against: Against, junit: Junit, sarif: Sarif, own: bool) -> Asked:
    """Return the gate that the options ask for, refused before any model is loaded.

    Args:
        over: As typed; likewise all others.
        under: As typed.
        against: As typed.
        junit: As typed.
        sarif: As typed.
        own: Whether a user's own probes are asked too, which may bring other axes.

    Raises:
        UserError: A limit that is none, files or a base model without any limit, or a file that cannot be written.
    """
    from fairhub.errors import UserError
    from fairhub.inputs.judgement.lexicon import words
    from fairhub.inputs.probes import AXES, CONTROL
    from fairhub.report.gate import limits_of

    dimensions = tuple(dict.fromkeys(word.dimension for word in words()))
    limits = limits_of(over or (), under or (), () if own else (*AXES, CONTROL), dimensions)
    given = {"--against": against, "--junit": junit, "--sarif": sarif}
    if not limits and (idle := next((name for name, value in given.items() if value is not None), None)):
        raise UserError(f"{idle} belongs to a limit; none is given; add --fail-over NAME=NUMBER or --fail-under")
    for name, path in (("--junit", junit), ("--sarif", sarif)):
        refuse_place(name, path)
    return Asked(limits, against, junit, sarif)


def checked(gate: Asked, model: str, figures: Sequence[Any], base: Callable[[], tuple[str, Sequence[Any]]]) -> Any:
    """Return the gate, checked on these figures; None where no limit is asked.

    Args:
        gate: What was asked.
        model: The id of the model that was audited.
        figures: Of it.
        base: Audits the base model the same way; called only where it is asked for.
    """
    from fairhub.report.gate import gate_of

    if not gate.limits:
        return None
    return gate_of(gate.limits, figures, model, base() if gate.against is not None else None)


def close(gate: Asked, found: Any) -> None:
    """Say a line for each broken limit on stderr, write the files, and leave with exit code 3 where one is broken.

    Raises:
        UserError: A file cannot be written.
    """
    from fairhub.proof.assembly import VERSION
    from fairhub.report.gate import junit, sarif
    from fairhub.run.processes import main, wait

    if found is None:
        return
    if main():
        for check in found.broken:
            typer.echo(f"fairhub: gate {check.said}", err=True)
        held = len(found.checks) - len(found.broken)
        typer.echo(f"fairhub: gate: {held} of {len(found.checks)} limits hold", err=True)
        for path, write in ((gate.junit, junit), (gate.sarif, lambda found: sarif(found, VERSION))):
            if path is not None:
                write_file("the gate's file", path, write(found))
    wait()
    if not found.held:
        raise typer.Exit(BROKEN)
