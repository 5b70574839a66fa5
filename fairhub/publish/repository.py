"""A repository on the Hub: its name checked, the token to write to it, its last commit, made where there is none."""

from typing import Literal

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id

from fairhub.errors import UserError

Kind = Literal["model", "space"]


def refuse_name(to: str) -> None:
    """Refuse what is not called `org/name`.

    Raises:
        UserError: It is not.
    """
    try:
        validate_repo_id(to)
        named = "/" in to
    except HFValidationError:
        named = False
    if not named:
        raise UserError(f"a repository is called 'org/name' (letters, digits, - _ .); got {to!r}; mend the name")


def account_token() -> str:
    """Return the token of `hf auth login` or of the environment.

    Raises:
        UserError: There is none.
    """
    token = get_token()
    if token is None:
        raise UserError("publishing needs an account of the Hub; no token is there; run: hf auth login")
    return token


def head(api: HfApi, to: str, *, private: bool, make: bool, kind: Kind = "model") -> str | None:
    """Return the last commit of a repository, making the repository where there is none and `make` is set.

    Raises:
        UserError: It is to be private, and is there already for everyone to see.
    """
    try:
        found = api.repo_info(to, repo_type=kind)
        if private and not found.private:
            raise UserError(
                f"--private makes a new repository private; {to} is there and public; nothing was sent; choose another "
                "name, or make it private on its page"
            )
        return found.sha
    except RepositoryNotFoundError:
        if not make:
            raise
        api.create_repo(to, private=private, repo_type=kind, space_sdk="gradio" if kind == "space" else None)
        return api.repo_info(to, repo_type=kind).sha
