"""Refusals, with the headers from which the client chooses its exception."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

NO_LOGIN = "Invalid username or password."


class HubError(Exception):
    """A refusal: a status, a sentence, and the code that the client turns into one of its exceptions."""

    def __init__(self, status: int, message: str, code: str = "", body: object = None, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.body, self.headers = status, message, code, body, headers


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HubError)
    headers = {"X-Error-Message": error.message} | {name.replace("_", "-"): v for name, v in error.headers.items()}
    if error.code:
        headers["X-Error-Code"] = error.code
    return JSONResponse(error.body or {"error": error.message}, error.status, headers)


def repo_not_found(signed_in: bool) -> HubError:
    """As the Hub does, a private repository and none look alike; who is not signed in hears 401."""
    return HubError(404 if signed_in else 401, "Repository not found" if signed_in else NO_LOGIN, "RepoNotFound")


def revision_not_found(revision: str) -> HubError:
    return HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
