"""Routes about branches and tags."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .errors import HubError, revision_not_found
from .state import part, readable, state, writable
from .store import HEADS, TAGS, Repo


async def refs(request: Request) -> Response:
    repo = readable(request)
    told: dict[str, object] = {"branches": under(repo, HEADS), "tags": under(repo, TAGS), "converts": []}
    if "include_prs" in request.query_params:
        told["pullRequests"] = [row | {"name": row["ref"]} for row in under(repo, "refs/pr/")]
    return JSONResponse(told)


def under(repo: Repo, prefix: str) -> list[dict[str, str]]:
    found = [(ref, oid) for ref, oid in sorted(repo.refs.items()) if ref.startswith(prefix)]
    return [{"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": oid} for ref, oid in found]


async def create_branch(request: Request) -> Response:
    asked = await request.json() if await request.body() else {}
    return point(request, HEADS + part(request, "branch"), asked.get("startingPoint", "main"))


async def create_tag(request: Request) -> Response:
    return point(request, TAGS + (await request.json())["tag"], part(request, "revision"))


def point(request: Request, ref: str, revision: str) -> Response:
    repo, _ = writable(request)
    with state(request).lock:
        if ref in repo.refs:
            raise HubError(409, f"Reference already exists: {ref}")
        repo.refs[ref] = repo.at(revision).oid
    return JSONResponse({"ref": ref})


async def delete_branch(request: Request) -> Response:
    if part(request, "branch") == "main":
        raise HubError(403, "Cannot delete the default branch")
    return forget(request, HEADS + part(request, "branch"))


async def delete_tag(request: Request) -> Response:
    return forget(request, TAGS + part(request, "revision"))


def forget(request: Request, ref: str) -> Response:
    repo, _ = writable(request)
    if ref not in repo.refs:
        raise revision_not_found(ref)
    del repo.refs[ref]
    return Response()
