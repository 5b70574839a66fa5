"""The Hub on a port of this machine, and all that a test asks of it."""

import os
import re
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from .accounts import Accounts
from .app import application
from .faults import Fault, Logged, Watch
from .state import State
from .store import Commit, Discussion, Repo

QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "NO_PROXY": "127.0.0.1",
}
OTHERS = re.compile(r"HF_|HUGGING|TRANSFORMERS_|XDG_|(https?|all|no)_proxy$", re.IGNORECASE)


class HubServer:
    """A Hub for a `with` block: `HubServer(tmp_path)`. Its users are ada and bob; `lab` belongs to ada."""

    def __init__(
        self,
        folder: Path,
        users: Iterable[str] = ("ada", "bob"),
        organizations: Mapping[str, Iterable[str]] | None = None,
        port: int = 0,
    ) -> None:
        self.folder = folder
        self.accounts = Accounts(users, {"lab": ("ada",)} if organizations is None else organizations)
        self.state = State(folder / "hub", self.accounts)
        self.watch = Watch(application(self.state))
        self.socket = socket.create_server(("127.0.0.1", port))
        self.url = self.state.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        quiet = uvicorn.Config(self.watch, log_config=None, log_level="critical", http="h11", ws="none", lifespan="off")
        quiet.proxy_headers, quiet.timeout_graceful_shutdown = False, 1  # the outermost `send` must be uvicorn's own
        self.uvicorn = uvicorn.Server(quiet)

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self.uvicorn.run, args=([self.socket],), daemon=True)
        self.thread.start()
        while not self.uvicorn.started:
            time.sleep(0.002)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.uvicorn.should_exit = True
        self.thread.join()
        if self.watch.broken and error is None:
            raise self.watch.broken[0]

    # What a client needs.

    def token(self, user: str, role: str = "write") -> str:
        return self.accounts.token(user, role)

    def environment(self, user: str | None = None, *, xet: bool = True, home: Path | None = None) -> dict[str, str]:
        """Variables for a process of its own, since the client reads its endpoint when it is imported."""
        kept = {name: value for name, value in os.environ.items() if not OTHERS.match(name)}
        home = home or self.folder / f"home-{user or 'nobody'}"
        told = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "0" if xet else "1"}
        return kept | QUIET | told | ({"HF_TOKEN": self.token(user)} if user else {})

    # What a test arranges.

    def put(
        self,
        repo: str,
        files: Mapping[str, bytes],
        message: str = "From elsewhere",
        branch: str = "main",
        *,
        kind: str = "model",
        private: bool = False,
        gated: bool = False,
    ) -> str:
        """A commit from nowhere: to a repository that is made where there is none. Its id."""
        with self.state.lock:
            author = repo.split("/")[0]
            if (kind, repo) not in self.state.repos:
                self.state.create(kind, repo, author, private).gated = "auto" if gated else False
            there = self.repo(repo, kind)
            head = there.at(branch)
            after = {**head.files, **{path: self.state.entry(path, data) for path, data in files.items()}}
            return there.add(there.ref(branch), head, after, message, "", author).oid

    def fault(
        self,
        method: str,
        path: str,
        status: int | None = None,
        *,
        times: int = 1,
        delay: float = 0,
        drop: bool = False,
        cut: int | None = None,
        after: bool = False,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
    ) -> Fault:
        """Make the next requests fail whose method and path (regular expressions) match.

        They answer with `status`, or `drop` the connection, or `cut` it after so many bytes of the body; `after`: only
        once the work is done, so that just the answer is lost. `delay` alone makes them slow. `body` is HTML, as a
        gateway sends it; without it the answer is JSON.
        """
        assert status or drop or cut is not None or (delay and not after), "nothing would go wrong"
        fault = Fault(method, path, status, times, delay, drop, cut, after, headers or {}, body)
        self.watch.faults.append(fault)
        return fault

    # What a test looks at.

    @property
    def log(self) -> list[Logged]:
        """Every request so far: method, path with query, status; never a header."""
        return list(self.watch.log)

    def asked(self, method: str, path: str) -> list[Logged]:
        """The requests whose method and path match."""
        return [row for row in self.log if re.fullmatch(method, row.method) and re.search(path, row.path)]

    def exists(self, repo: str, kind: str = "model") -> bool:
        return (kind, repo) in self.state.repos

    def repo(self, repo: str, kind: str = "model") -> Repo:
        return self.state.repos[kind, repo]

    def commits(self, repo: str, revision: str = "main", kind: str = "model") -> list[Commit]:
        """Newest first, down to the one that came with the repository."""
        there = self.repo(repo, kind)
        return list(there.history(there.at(revision)))

    def files(self, repo: str, revision: str = "main", kind: str = "model") -> dict[str, bytes]:
        """Every file of a revision, save the attributes that each repository begins with."""
        files = self.repo(repo, kind).at(revision).files
        return {path: self.state.blobs.read(entry) for path, entry in files.items() if path != ".gitattributes"}

    def refs(self, repo: str) -> dict[str, str]:
        return dict(self.repo(repo).refs)

    def discussions(self, repo: str) -> list[Discussion]:
        return list(self.repo(repo).discussions)
