"""Routes by which files arrive: what is new, leave to upload (Xet and LFS), and the commit that names them."""

import base64
import hashlib
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import card
from .blobs import Blobs
from .errors import HubError
from .state import State, is_large, part, pushable, state
from .store import HEADS, Commit, Entry, Files, Repo
from .xet import expiry


async def preupload(request: Request) -> Response:
    """How each file is to be uploaded, and what is there now, by which the client sees that a file is unchanged."""
    revision = part(request, "revision")
    repo, _ = pushable(request, revision, makes_pull_request(request))
    present = repo.at(revision).files
    told = [planned(file, present.get(file["path"])) for file in (await request.json())["files"]]
    return JSONResponse({"files": told})


def planned(file: dict[str, Any], present: Entry | None) -> dict[str, object]:
    large = is_large(file["path"], file["size"], base64.b64decode(file["sample"]))
    oid = {"oid": present.name} if present else {}
    return {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False} | oid


async def xet_write_token(request: Request) -> Response:
    """For a new pull request the client names no revision (`None`), since it needs no right to write to one."""
    new = makes_pull_request(request)
    repo, _ = pushable(request, part(request, "revision"), new)
    if not new:
        repo.ref(part(request, "revision"))
    return xet_token(state(request).blobs.xet.for_upload())


def xet_token(address: str) -> Response:
    until = expiry()
    headers = {"X-Xet-Cas-Url": address, "X-Xet-Access-Token": "none", "X-Xet-Token-Expiration": str(until)}
    return JSONResponse({"casUrl": address, "accessToken": "none", "exp": until}, headers=headers)


async def lfs_batch(request: Request) -> Response:
    asked = await request.json()
    revision = asked.get("ref", {}).get("name")
    pushable(request, revision or "", new_pull_request=revision is None)
    hub = state(request)
    objects = [lfs_object(hub, wanted) for wanted in asked["objects"]]
    return Response(json.dumps({"transfer": "basic", "objects": objects}), media_type="application/vnd.git-lfs+json")


def lfs_object(hub: State, wanted: dict[str, Any]) -> dict[str, object]:
    """An address to put the file to; none where it is there already."""
    known = {"oid": wanted["oid"], "size": wanted["size"]}
    if hub.blobs.path(wanted["oid"]).exists():
        return known
    href = f"{hub.url}/lfs/{wanted['oid']}/{signature(hub, wanted['oid'])}"
    return known | {"authenticated": True, "actions": {"upload": {"href": href}}}


def signature(hub: State, oid: str) -> str:
    """The address itself is the permission, as with a signed one; the client sends no token there."""
    return hashlib.sha256(f"{id(hub)} {oid}".encode()).hexdigest()


async def lfs_put(request: Request) -> Response:
    hub, oid = state(request), part(request, "oid")
    if part(request, "signature") != signature(hub, oid):
        raise HubError(403, "SignatureDoesNotMatch")
    if "authorization" in request.headers:
        raise HubError(400, "A token has been sent to the file storage")
    await hub.blobs.receive(oid, request.stream())
    return Response(headers={"ETag": f'"{oid}"'})


async def commit(request: Request) -> Response:
    lines = [json.loads(line) for line in (await request.body()).splitlines() if line]
    hub, revision, new = state(request), part(request, "revision"), makes_pull_request(request)
    repo, author = pushable(request, revision, new)
    with hub.lock:
        header = lines[0]["value"]
        parent = started_from(repo, revision, header.get("parentCommit"), new)
        files = changed(hub.blobs, parent.files, lines[1:])
        about = (header["summary"], header.get("description", ""), author.name)
        if not new:
            made = repo.add(branch(repo, revision), parent, files, *about)
            return JSONResponse(answer(hub, repo, made))
        pull = repo.open(header["summary"], author.name, "open", parent)
        pull.say(author.name, header.get("description", ""))
        made = repo.add(pull.ref, parent, files, *about)
    return JSONResponse(answer(hub, repo, made) | {"pullRequestUrl": f"{hub.url}/{repo.page}/discussions/{pull.num}"})


def answer(hub: State, repo: Repo, made: Commit) -> dict[str, object]:
    url = f"{hub.url}/{repo.page}/commit/{made.oid}"
    return {"success": True, "commitOid": made.oid, "commitUrl": url, "hookOutput": ""}


def started_from(repo: Repo, revision: str, parent: str | None, new: bool) -> Commit:
    """The commit to build on: the head, and the one that the client knows; a pull request may start earlier."""
    head = repo.at(revision)
    if parent is None or head.oid.startswith(parent):
        return head
    known = next((known for known in repo.history(head) if known.oid.startswith(parent)), None)
    if not new or known is None:
        raise HubError(412, "A commit has happened since. Please refresh and try again.")
    return known


def branch(repo: Repo, revision: str) -> str:
    ref = repo.ref(revision)
    if not ref.startswith((HEADS, "refs/pr/")):
        raise HubError(400, f"{revision} is no branch: nothing can be committed to it")
    return ref


def changed(blobs: Blobs, files: Files, operations: list[dict[str, Any]]) -> Files:
    """The files after all operations; the first that fails refuses the whole commit."""
    after = dict(files)
    for operation in operations:
        apply(blobs, after, operation["key"], operation["value"])
    return after


def apply(blobs: Blobs, files: dict[str, Entry], key: str, value: dict[str, Any]) -> None:
    path = value["path"]
    if not path or path.startswith("/") or {"", ".", "..", ".git"} & set(path.rstrip("/").split("/")):
        raise HubError(400, f"Invalid path: {path}")
    if key == "file":
        files[path] = small_file(blobs, path, base64.b64decode(value["content"]))
    elif key == "lfsFile":
        files[path] = blobs.large(value["oid"])
    elif key in ("deletedFile", "deletedFolder"):
        remove(files, path, folder=key == "deletedFolder")
    else:
        raise HubError(400, f"Unknown operation: {key}")


def small_file(blobs: Blobs, path: str, data: bytes) -> Entry:
    wrong = card.problems(data.decode())[0] if path == "README.md" else []
    if wrong:
        raise HubError(400, f"Invalid metadata in README.md: {'; '.join(wrong)}")
    if is_large(path, len(data), data[:512]) and data:
        raise HubError(400, f"{path} must be uploaded by Xet or LFS")
    return blobs.small(data)


def remove(files: dict[str, Entry], path: str, folder: bool) -> None:
    gone = [name for name in files if (name.startswith(path.rstrip("/") + "/") if folder else name == path)]
    if not gone:
        raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")
    for name in gone:
        del files[name]


def makes_pull_request(request: Request) -> bool:
    return request.query_params.get("create_pr") == "1"
