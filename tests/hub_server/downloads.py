"""Routes by which files are found and leave: a model's page, its tree, its history, and the files themselves."""

import hashlib
from typing import Any
from urllib.parse import parse_qs

import yaml
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from . import card
from .blobs import pointer
from .errors import HubError
from .state import State, opened, part, readable, state
from .store import Commit, Entry, Repo
from .uploads import xet_token


async def resolve(request: Request) -> Response:
    """A file, or its headers: the client learns the commit, size, hash and where Xet has it from these."""
    repo, hub, path = opened(request), state(request), part(request, "path")
    commit = repo.at(part(request, "revision"))
    if path not in commit.files:
        raise HubError(404, "Entry not found", "EntryNotFound", X_Repo_Commit=commit.oid)
    entry = commit.files[path]
    headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{entry.name}"'}
    if entry.sha256:
        token = f"{hub.url}/api/{repo.kind}s/{repo.id}/xet-read-token/{commit.oid}"
        headers |= {"X-Linked-Etag": f'"{entry.sha256}"', "X-Linked-Size": str(entry.size)}
        headers |= {"X-Xet-Hash": str(entry.xet), "Link": f'<{token}>; rel="xet-auth"'}
    name = path.split("/")[-1]
    return FileResponse(hub.blobs.path(entry.name), headers=headers, filename=name, content_disposition_type="inline")


async def xet_read_token(request: Request) -> Response:
    opened(request).at(part(request, "revision"))
    return xet_token(state(request).blobs.xet.for_download())


async def models(request: Request) -> Response:
    hub, asked = state(request), request.query_params
    caller = hub.accounts.caller(request)
    found = [repo for repo in hub.repos.values() if repo.kind == part(request, "kind")]
    found = [repo for repo in found if hub.accounts.may_see(repo, caller) and asked.get("search", "") in repo.id]
    found = [repo for repo in found if asked.get("author", repo.namespace) == repo.namespace]
    return JSONResponse([page(hub, repo, repo.at("main")) for repo in found])


async def info(request: Request) -> Response:
    repo, asked = readable(request), request.path_params
    commit = repo.at(part(request, "revision") if "revision" in asked else "main")
    return JSONResponse(page(state(request), repo, commit, blobs="blobs" in request.query_params))


def page(hub: State, repo: Repo, commit: Commit, blobs: bool = False) -> dict[str, Any]:
    """All that a repository's page says, whatever was asked for."""
    about = card.metadata(text(hub, commit, "README.md")) or {}
    files = [sibling(hub, path, entry, blobs) for path, entry in sorted(commit.files.items())]
    told: dict[str, Any] = {"_id": repo.id, "id": repo.id, "modelId": repo.id, "author": repo.namespace}
    told |= {"sha": commit.oid, "lastModified": commit.date, "createdAt": repo.created, "private": repo.private}
    told |= {"gated": repo.gated, "disabled": False, "downloads": 0, "likes": 0, "siblings": files, "cardData": about}
    told |= {key: about[key] for key in ("library_name", "pipeline_tag", "model-index") if key in about}
    safe = ["safetensors"] if any(path.endswith(".safetensors") for path in commit.files) else []
    told |= {"tags": safe + card.tags(about), "spaces": [], "evalResults": results(hub, commit)}
    return told | {"usedStorage": sum({entry.name: entry.size for entry in commit.files.values()}.values())}


def text(hub: State, commit: Commit, path: str) -> str:
    return hub.blobs.read(commit.files[path]).decode() if path in commit.files else ""


def sibling(hub: State, path: str, entry: Entry, blobs: bool) -> dict[str, object]:
    more: dict[str, object] = {"size": entry.size, "blobId": entry.oid} if blobs else {}
    if blobs and entry.sha256:
        more["lfs"] = {"sha256": entry.sha256, "size": entry.size, "pointerSize": pointer_size(hub, entry)}
    return {"rfilename": path} | more


def results(hub: State, commit: Commit) -> list[Any]:
    paths = sorted(path for path in commit.files if path.startswith(".eval_results/") and path.endswith(".yaml"))
    return [result for path in paths for result in yaml.safe_load(text(hub, commit, path))]


def pointer_size(hub: State, entry: Entry) -> int:
    return len(pointer(str(entry.sha256), hub.blobs.path(entry.name)))


async def tree(request: Request) -> Response:
    repo, hub, asked = readable(request), state(request), request.query_params
    commit, path = repo.at(part(request, "revision")), part(request, "path") if "path" in request.path_params else ""
    inside = path + "/" if path else ""
    below = {name: entry for name, entry in sorted(commit.files.items()) if name.startswith(inside)}
    if not below:
        raise HubError(404, f"{path} does not exist on this revision", "EntryNotFound")
    deep, expand = asked.get("recursive") == "true", asked.get("expand") == "true"
    rows = [folder(name) for name in folders(below, inside) if deep or "/" not in name.removeprefix(inside)]
    shown = [name for name in below if deep or "/" not in name.removeprefix(inside)]
    return JSONResponse(rows + [row(hub, repo, commit, name, expand) for name in shown])


def folders(names: dict[str, Entry], inside: str) -> list[str]:
    found = {name[:at] for name in names for at, letter in enumerate(name) if letter == "/" and at >= len(inside)}
    return sorted(found)


def folder(name: str) -> dict[str, object]:
    oid = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    return {"type": "directory", "oid": oid, "size": 0, "path": name}


def row(hub: State, repo: Repo, commit: Commit, path: str, expand: bool) -> dict[str, object]:
    entry = commit.files[path]
    told: dict[str, object] = {"type": "file", "oid": entry.oid, "size": entry.size, "path": path}
    if entry.sha256:
        told["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": pointer_size(hub, entry)}
        told["xetHash"] = entry.xet
    if expand:
        same = [then for then in repo.history(commit) if then.files.get(path) == entry]
        told["lastCommit"] = {"id": same[-1].oid, "title": same[-1].title, "date": same[-1].date}
    return told


async def paths_info(request: Request) -> Response:
    """Of the paths asked for, those that are there."""
    asked = parse_qs((await request.body()).decode())
    repo, hub = readable(request), state(request)
    commit, expand = repo.at(part(request, "revision")), asked.get("expand") in (["true"], ["True"])
    paths = asked.get("paths", [])
    files = [row(hub, repo, commit, path, expand) for path in paths if path in commit.files]
    return JSONResponse(files + [folder(path) for path in folders(dict(commit.files), "") if path in paths])


async def commits(request: Request) -> Response:
    repo = readable(request)
    past = list(repo.history(repo.at(part(request, "revision"))))
    rows = [{"id": c.oid, "title": c.title, "message": c.message, "authors": [{"user": c.author}]} for c in past]
    dated = [row | {"date": commit.date} for row, commit in zip(rows, past, strict=True)]
    return JSONResponse(dated, headers={"X-Total-Count": str(len(past))})
