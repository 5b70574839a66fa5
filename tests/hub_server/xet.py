"""Xet without a server: the client's own hf_xet works on folders; one for each token, since a process locks its own."""

import os
import shutil
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import hf_xet

RECORD, LAST, VERIFICATION, METADATA = 48, b"\xff" * 32, 0x8000_0000, 0x4000_0000


class XetStore:
    """Where uploads arrive, and a store of all committed files from which downloads get their copy."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.numbers = folder, folder / "store", count()
        self.session = hf_xet.XetSession()

    def for_upload(self) -> str:
        return address(self.folder / f"upload-{next(self.numbers)}")

    def for_download(self) -> str:
        return address(self.copy(self.store))

    def copy(self, folder: Path) -> Path:
        """A copy to open: the database is copied, since opening it locks it; the rest never changes and is linked."""
        new = self.folder / f"copy-{next(self.numbers)}"
        if folder.is_dir():
            shutil.copytree(folder, new, copy_function=copy_or_link)
        return new

    def fetch(self, sha256: str, target: Path) -> bool:
        """Put an uploaded file together again; False if no upload has it."""
        for shard in sorted(self.folder.glob("upload-*/**/*.mdb")):
            upload = self.folder / shard.relative_to(self.folder).parts[0]
            for xet_hash, size, known_as in files_of(shard.read_bytes()):
                if known_as == sha256:
                    with self.session.new_file_download_group(**access(self.copy(upload))) as group:
                        group.start_download_file(hf_xet.XetFileInfo(xet_hash, size), str(target))
                    return True
        return False

    def keep(self, file: Path) -> str:
        """Add a file to the store; its Xet hash."""
        with self.session.new_upload_commit(**access(self.store)) as commit:
            upload = commit.start_upload_file(str(file), sha256=hf_xet.COMPUTE_SHA256)
        return str(upload.result().xet_info.hash)


def address(folder: Path) -> str:
    return f"local://{folder}"


def access(folder: Path) -> dict[str, object]:
    return {"endpoint": address(folder), "token": "none", "token_expiry_unix_secs": expiry()}


def expiry() -> int:
    return int(time.time()) + 24 * 3600


def copy_or_link(source: str, target: str) -> None:
    (shutil.copyfile if source.endswith(".redb") else os.link)(source, target)


def files_of(shard: bytes) -> Iterator[tuple[str, int, str]]:
    """The Xet hash, size and SHA-256 of every file that a shard describes."""
    at = RECORD  # behind the header
    while (record := shard[at : at + RECORD])[:32] != LAST:
        flags, segments = (int.from_bytes(record[i : i + 4], "little") for i in (32, 36))
        at += RECORD
        sizes = [int.from_bytes(shard[i + 36 : i + 40], "little") for i in range(at, at + segments * RECORD, RECORD)]
        at += segments * RECORD * (2 if flags & VERIFICATION else 1)
        if flags & METADATA:
            yield printed(record[:32]), sum(sizes), printed(shard[at : at + 32])
            at += RECORD


def printed(digest: bytes) -> str:
    """A hash, of either kind, as the client prints it: shards hold it as four little-endian numbers."""
    return "".join(f"{int.from_bytes(digest[i : i + 8], 'little'):016x}" for i in range(0, 32, 8))
