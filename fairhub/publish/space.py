"""Puts the Space on the Hub: program, package, requirements and page in one commit, so that it is never half there."""

import sys
from pathlib import Path

import typer
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from fairhub.errors import UserError
from fairhub.publish.contents import Contents
from fairhub.publish.publishing import Published
from fairhub.publish.repository import account_token, head, refuse_name
from fairhub.publish.session import patient
from fairhub.publish.trouble import explained

PARTS = ("README.md", "LICENSE", "requirements.txt", "space_app.py", "fairhub", "model_cards", "docs")
"""What a Space is made of: README.md opens with the front matter by which the Hub runs it."""
_KEPT = ".gitattributes"  # the Hub's own: which files it stores apart
_AGAIN = "the Space is as it was; try the same again"


def space_files(root: Path) -> Contents:
    """Collect the files of the Space from a checkout of fairhub.

    Raises:
        UserError: A part is missing: this is no checkout.
    """
    missing = [part for part in PARTS if not (root / part).exists()]
    if missing:
        raise UserError(f"a Space is made of {', '.join(PARTS)}; {root} has no {missing[0]}; run it from a checkout")
    paths = [path for part in PARTS for path in sorted([root / part, *(root / part).rglob("*")])]
    inside = [path.relative_to(root) for path in paths if path.is_file()]
    return Contents({at.as_posix(): root / at for at in inside if not _generated(at)})


def _generated(path: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)


def deploy(root: Path, to: str, *, private: bool = False, api: HfApi | None = None, timeout: float = 120) -> Published:
    """Put the Space on the Hub in one atomic commit; files that an earlier one had and this one has not are removed.

    Args:
        root: A checkout of fairhub.
        to: `org/name`; made if it is not there.
        private: Make it private; a Space that is public already is refused.
        api: A client of its own; else the account of `hf auth login` or of the environment.
        timeout: Seconds that the Hub may be silent.

    Raises:
        UserError: The checkout is not whole, or the Hub or the network did not let it through.
    """
    refuse_name(to)
    files = space_files(root).files
    api = api or HfApi(token=account_token(), library_name="fairhub")
    with patient(timeout), explained(to, "deploying", _AGAIN):
        parent = head(api, to, private=private, make=True, kind="space")
        gone = set(api.list_repo_files(to, repo_type="space", revision=parent)) - files.keys() - {_KEPT}
        made = api.create_commit(
            to,
            [
                *(CommitOperationDelete(name) for name in sorted(gone)),
                *(CommitOperationAdd(name, str(source)) for name, source in files.items()),
            ],
            repo_type="space", parent_commit=parent, commit_message="The Space of fairhub",
        )  # fmt: skip
    return Published(f"{api.endpoint}/spaces/{to}", made.oid, made.oid != parent)


def main(to: str, private: bool = False) -> None:
    """Deploy the checkout in the current folder; signed in by `hf auth login`."""
    made = deploy(Path.cwd(), to, private=private)
    typer.echo(f"{'deployed' if made.changed else 'nothing had changed'}: {made.url}")


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as mistake:
        typer.echo(f"fairhub: {mistake}", err=True)
        sys.exit(2)
