"""What the Hub or the network answered, as one clear line; never with a token in it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from fairhub.errors import UserError


@contextmanager
def explained(repo: str, doing: str, afterwards: str) -> Iterator[None]:
    """Turn what goes wrong with the Hub inside the `with` block into one line.

    Args:
        repo: `org/name`.
        doing: "publishing", "downloading".
        afterwards: How things stand and how to go on when the Hub or the network failed half-way.
    """
    try:
        yield
    except UserError:  # a ValueError too, and clear already
        raise
    except HFValidationError as error:
        raise UserError(f"a repository is called 'org/name'; got {repo!r}; mend the name") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise UserError(f"{doing} needs the Hub; it cannot be reached; {afterwards}") from error
    except HfHubHTTPError as error:
        raise UserError(_answered(error, repo, doing, afterwards)) from error
    except httpx2.TimeoutException as error:
        raise UserError(f"the Hub did not answer in time; {afterwards}") from error
    except (OSError, httpx2.HTTPError) as error:
        raise UserError(f"{doing} needs the Hub; it failed with {_safe(str(error))}; {afterwards}") from error
    except ValueError as error:  # the card was refused, or a gateway answered with a page instead of JSON
        raise UserError(f"{doing} {repo} failed: {_safe(str(error))}; {afterwards}") from error
    except RuntimeError as error:  # the uploader of large files is not written in Python and raises nothing finer
        raise UserError(f"{doing} {repo} failed: {_safe(str(error))}; {afterwards}") from error


def _answered(error: HfHubHTTPError, repo: str, doing: str, afterwards: str) -> str:
    status = error.response.status_code if error.response is not None else 0
    if isinstance(error, GatedRepoError):
        return f"{repo} is gated; this account has not been let in; ask for access on its page, then run this again"
    if isinstance(error, RevisionNotFoundError):
        return f"a revision must exist; {repo} has no such tag, branch or commit; leave it out or mend it"
    if status == 401 and not isinstance(error, RepositoryNotFoundError):
        return f"{doing} needs a valid token; the Hub does not know this one; sign in again (hf auth login)"
    if isinstance(error, RepositoryNotFoundError) or status in (401, 404):
        return f"{repo} must exist and be open to this account; the Hub shows none; mend the name or: hf auth login"
    if status == 403:
        return f"{doing} {repo} needs the right to write there; this account has none; try --pr or your own namespace"
    if status == 412:
        return f"someone else changed {repo} meanwhile; nothing was published; try the same again"
    if status >= 500 or status == 429:
        return f"the Hub answered {status}; {afterwards}"
    return f"{doing} {repo} was refused ({status}): {_safe(error.server_message or str(error))}; mend it and run again"


def _safe(said: str) -> str:
    """One short line without anything that looks like a token."""
    return re.sub(r"hf_\w+", "hf_***", " ".join(said.split()))[:200]
