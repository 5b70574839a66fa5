"""The command line."""

import sys

import typer

from fairhub.commands.audit import audit
from fairhub.commands.compare import compare
from fairhub.commands.diagnose import diagnose
from fairhub.commands.plan import plan
from fairhub.commands.publish import publish
from fairhub.commands.repair import repair
from fairhub.commands.reproduce import reproduce
from fairhub.commands.transfer import transfer

app = typer.Typer(
    help="Repairs social bias in language models by pruning, and proves the gain on prompts it never searched.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip

for command in (audit, diagnose, plan, repair, compare, transfer, publish, reproduce):
    app.command()(command)


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    from fairhub.errors import UserError, plain

    try:
        app()
    except UserError as error:
        typer.echo(f"fairhub: {error}", err=True)
        sys.exit(2)
    except OSError as error:  # of a disk or a network, where nobody knew better what it meant
        said = plain(error, 400) or type(error).__name__
        typer.echo(f"fairhub: files must be within reach; {said}; mend the path or free space, then again", err=True)
        sys.exit(2)
    except MemoryError:
        typer.echo("fairhub: a run must fit in memory; this one did not; give a smaller model or file", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
