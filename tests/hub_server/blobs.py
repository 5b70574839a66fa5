"""The bytes of every file, each stored once under its hash, whichever way it came."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from .errors import HubError
from .store import Entry
from .xet import XetStore

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"


class Blobs:
    """Small files arrive inside a commit, large ones by LFS or Xet; downloads of large ones work either way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "blobs"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.xet = XetStore(folder / "xet")
        self.xet_hashes: dict[str, str] = {}

    def path(self, name: str) -> Path:
        return self.folder / name

    def read(self, entry: Entry) -> bytes:
        return self.path(entry.name).read_bytes()

    def small(self, data: bytes) -> Entry:
        """A file that git itself holds."""
        oid = git_id(data)
        self.path(oid).write_bytes(data)
        return Entry(len(data), oid)

    def large(self, sha256: str) -> Entry:
        """A file that has been uploaded before the commit which names it; without it the commit is refused."""
        file = self.path(sha256)
        if not file.exists() and self.xet.fetch(sha256, partial := self.path(f"{sha256}.partial")):
            self.take(partial, sha256)
        if not file.exists():
            raise HubError(400, "Your push was rejected because an LFS pointer pointed to a file that does not exist.")
        if sha256 not in self.xet_hashes:
            self.xet_hashes[sha256] = self.xet.keep(file)
        return Entry(file.stat().st_size, git_id(pointer(sha256, file)), sha256, self.xet_hashes[sha256])

    def add(self, data: bytes) -> Entry:
        """A large file from its bytes, without an upload."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.path(sha256).write_bytes(data)
        return self.large(sha256)

    async def receive(self, sha256: str, chunks: AsyncIterator[bytes]) -> None:
        partial = self.path(f"{sha256}.partial")
        with partial.open("wb") as file:
            async for chunk in chunks:
                file.write(chunk)
        self.take(partial, sha256)

    def take(self, partial: Path, sha256: str) -> None:
        """What is stored under a hash has that hash."""
        with partial.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            partial.unlink()
            raise HubError(400, f"The file has SHA-256 {found}, not {sha256}")
        os.replace(partial, self.path(sha256))


def git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def pointer(sha256: str, file: Path) -> bytes:
    """What git holds in place of a large file."""
    return POINTER.format(sha256=sha256, size=file.stat().st_size).encode()
