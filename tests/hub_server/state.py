"""All that routes work on: accounts, repositories, bytes; and how a request names its repository."""

import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request

from .accounts import Account, Accounts
from .blobs import Blobs
from .errors import HubError
from .store import Entry, Repo

ATTRIBUTES = "".join(
    f"{pattern} filter=lfs diff=lfs merge=lfs -text\n"
    for pattern in "*.7z *.arrow *.bin *.ckpt *.gguf *.gz *.h5 *.model *.msgpack *.npy *.npz *.onnx *.parquet *.pickle "
    "*.pkl *.pt *.pth *.safetensors *.tar *.zip *tfevents*".split()
)


class State:
    """The Hub without its protocol."""

    def __init__(self, folder: Path, accounts: Accounts) -> None:
        self.accounts = accounts
        self.blobs = Blobs(folder)
        self.repos: dict[tuple[str, str], Repo] = {}
        self.jobs: list[dict[str, Any]] = []
        self.url = ""
        self.lock = threading.RLock()  # tests commit from their own thread

    def create(self, kind: str, id: str, author: str, private: bool = False) -> Repo:
        repo = self.repos[kind, id] = Repo(kind, id, private)
        first = {".gitattributes": self.blobs.small(ATTRIBUTES.encode())}
        repo.add("refs/heads/main", None, first, "initial commit", "", author)
        return repo

    def entry(self, path: str, data: bytes) -> Entry:
        return self.blobs.add(data) if is_large(path, len(data), data[:512]) else self.blobs.small(data)


def is_large(path: str, size: int, sample: bytes) -> bool:
    """Whether a file must be uploaded before the commit: by name, by size, or because it is not text."""
    suffix = "." + path.rsplit(".")[-1]
    return f"*{suffix} " in ATTRIBUTES or "tfevents" in path or size > 10_000_000 or b"\0" in sample


def state(request: Request) -> State:
    hub: State = request.app.state.hub
    return hub


def part(request: Request, name: str) -> str:
    return unquote(request.path_params[name])


def repo_id(request: Request) -> str:
    return f"{part(request, 'owner')}/{part(request, 'name')}"


def seen(request: Request) -> tuple[Repo, Account | None]:
    """The repository that a request names, and who asks; refused where that one may not know of it."""
    hub = state(request)
    caller = hub.accounts.caller(request)
    repo = hub.repos.get((request.path_params.get("kind", "model"), repo_id(request)))
    return hub.accounts.visible(repo, caller), caller


def readable(request: Request) -> Repo:
    return seen(request)[0]


def opened(request: Request) -> Repo:
    """One whose files may be read."""
    repo, caller = seen(request)
    state(request).accounts.check_gate(repo, caller)
    return repo


def writable(request: Request) -> tuple[Repo, Account]:
    repo = readable(request)
    return repo, state(request).accounts.writer(request, repo.namespace)


def proposable(request: Request) -> tuple[Repo, Account]:
    """One to which a pull request may be opened: by everyone who is signed in and sees it."""
    repo = readable(request)
    caller = state(request).accounts.signed_in(request)
    if caller.role != "write":
        raise HubError(403, "Your token only reads; this needs one with the write role")
    return repo, caller


def pushable(request: Request, revision: str, new_pull_request: bool) -> tuple[Repo, Account]:
    """One to whose revision a commit may be made: a pull request also takes those of its author."""
    repo = readable(request)
    caller = state(request).accounts.caller(request)
    mine = any(d.ref == revision and caller and d.author == caller.name for d in repo.discussions)
    return proposable(request) if new_pull_request or mine else writable(request)
