"""What the Hub holds: repositories with their commits, refs and discussions. All of it in memory, none of it HTTP."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .errors import HubError, revision_not_found

HEADS, TAGS = "refs/heads/", "refs/tags/"
COUNTER = itertools.count()  # makes ids differ between commits that say the same in the same moment


@dataclass(frozen=True)
class Entry:
    """One file: `oid` is git's id; large files are known by their SHA-256 and, in Xet, by the hash of their chunks."""

    size: int
    oid: str
    sha256: str | None = None
    xet: str | None = None

    @property
    def name(self) -> str:
        """What the file is stored as, what its ETag is, and what tells the client that a file is unchanged."""
        return self.sha256 or self.oid


Files = Mapping[str, Entry]


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    title: str
    message: str
    author: str
    date: str
    files: Files = field(repr=False)


@dataclass
class Discussion:
    num: int
    title: str
    author: str
    date: str
    status: str  # draft, open, closed or merged
    is_pull_request: bool
    base: str = ""  # the commit that a pull request started from
    merge_commit: str | None = None
    events: list[dict[str, object]] = field(default_factory=list)

    @property
    def ref(self) -> str:
        return f"refs/pr/{self.num}"

    def tell(self, author: str, kind: str, data: dict[str, object]) -> dict[str, object]:
        event: dict[str, object] = {"id": f"{next(COUNTER):024x}", "type": kind, "createdAt": now()}
        self.events.append(event | {"author": {"name": author}, "data": data})
        return self.events[-1]

    def say(self, author: str, text: str) -> dict[str, object]:
        return self.tell(author, "comment", {"edited": False, "hidden": False, "latest": {"raw": text}})


class Repo:
    """One repository. A commit holds all its files, so every revision is whole at any moment."""

    def __init__(self, kind: str, id: str, private: bool = False) -> None:
        self.kind, self.id, self.private = kind, id, private
        self.gated: str | bool = False
        self.granted: set[str] = set()
        self.created = now()
        self.commits: dict[str, Commit] = {}
        self.refs: dict[str, str] = {}
        self.discussions: list[Discussion] = []

    @property
    def namespace(self) -> str:
        return self.id.split("/")[0]

    @property
    def page(self) -> str:
        """Its path on the web."""
        return self.id if self.kind == "model" else f"{self.kind}s/{self.id}"

    def ref(self, revision: str) -> str:
        """The full name of a branch, tag or pull request."""
        for name in (revision, HEADS + revision, TAGS + revision):
            if name in self.refs:
                return name
        raise revision_not_found(revision)

    def at(self, revision: str) -> Commit:
        if revision in self.commits:
            return self.commits[revision]
        return self.commits[self.refs[self.ref(revision)]]

    def history(self, commit: Commit) -> Iterator[Commit]:
        """From a commit back to the first one."""
        yield commit
        while commit.parent:
            commit = self.commits[commit.parent]
            yield commit

    def add(self, ref: str, parent: Commit | None, files: Files, title: str, message: str, author: str) -> Commit:
        """The one place where a ref moves: all files of a commit appear at once."""
        told = repr((next(COUNTER), parent and parent.oid, title, message, author, sorted(files.items())))
        oid = hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest()
        commit = Commit(oid, parent.oid if parent else None, title, message, author, now(), dict(files))
        self.commits[oid] = commit
        self.refs[ref] = oid
        return commit

    def discussion(self, num: int) -> Discussion:
        if not 0 < num <= len(self.discussions):
            raise HubError(404, "Discussion not found")
        return self.discussions[num - 1]

    def open(self, title: str, author: str, status: str, base: Commit | None) -> Discussion:
        """A discussion, or a pull request where there is a commit to start from."""
        num = len(self.discussions) + 1
        opened = Discussion(num, title, author, now(), status, base is not None, base.oid if base else "")
        self.discussions.append(opened)
        if base is not None:
            self.refs[opened.ref] = base.oid
        return opened


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
