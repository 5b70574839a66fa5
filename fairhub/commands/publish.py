"""`fairhub publish`: a run on the Hub, in one commit."""

from pathlib import Path
from typing import Annotated

import typer

from fairhub.commands.options import Json, echo_json


def publish(
    run: Annotated[Path, typer.Argument(help="The run folder (--out of a repair).")],
    to: Annotated[str, typer.Option(help="org/name on the Hub; made if it is not there.")],
    private: Annotated[bool, typer.Option("--private", help="Make it private; a public one is refused.")] = False,
    pr: Annotated[bool, typer.Option("--pr", help="Open a pull request; to a repository of others too.")] = False,
    tag: Annotated[str | None, typer.Option(help="Tag the commit, such as v1.")] = None,
    recipe_only: Annotated[bool, typer.Option("--recipe-only", help="Card and recipe without weights.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show everything, send nothing.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds that the Hub may be silent.")] = 120,
    json: Json = False,
) -> None:  # fmt: skip
    """Publish a run with its model card, in one commit; signed in by `hf auth login`."""
    from fairhub import publish as hub

    made = hub.publish(
        run, to, private=private, pr=pr, tag=tag, dry_run=dry_run, weights=not recipe_only, timeout=timeout,
        show=lambda line: typer.echo(line, err=json),
    )  # fmt: skip
    if json:
        echo_json({"url": made.url, "commit": made.commit, "changed": made.changed})
    elif dry_run:
        typer.echo(f"nothing was sent; without --dry-run it goes to {made.url}")
    else:
        typer.echo(f"{'published' if made.changed else 'nothing had changed'}: {made.url}")
