"""items.npz: what a run measured, item by item, so that two runs on the same probes can be compared in pairs."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tokenize import TokenError

import numpy as np

from fairhub.errors import plain
from fairhub.files.reading import MEGABYTE, bytes_of, one_line
from fairhub.inputs.data import Data
from fairhub.inputs.probes import CONTROL

NAME = "items.npz"
LONGEST = 64 * MEGABYTE
"""Bytes of the file: the longest of ours has one."""


@dataclass(frozen=True, eq=False)
class Items:
    """One figure of one split, before and after a repair."""

    before: np.ndarray
    """[items] nats: divergence of demographic probes, or loss of chunks of text."""
    after: np.ndarray
    """[items]"""
    clusters: tuple[str, ...]
    """The template of each probe, or the document of each chunk."""


def packed(data: Data, found: Mapping[str, np.ndarray]) -> bytes:
    """Return the file's content: divergence of the demographic probes of held_out and external, and held-out loss.

    Args:
        data: What was measured on.
        found: The measurements of `Prover.everything`.
    """
    arrays = {"loss": np.stack([found["loss"][0], found["loss"][1]])}
    arrays["loss documents"] = np.array(data.documents["held_out"])
    for number, probes in enumerate(data.proof, start=len(data.near)):
        people = [i for i, p in enumerate(probes) if p.axis != CONTROL]
        arrays[probes[0].split] = found[f"bias{number}"][:, people]
        arrays[f"{probes[0].split} templates"] = np.array([probes[i].template for i in people])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def read_items(folder: Path) -> dict[str, Items]:
    """Return what a run measured, by split (and `loss`); nothing where the folder has no such file.

    Raises:
        UserError: The file is no such file.
    """
    if not (folder / NAME).is_file():
        return {}
    with one_line(partial(_broken, folder)):
        arrays = unpacked(bytes_of(folder / NAME, NAME, LONGEST))
        loss = arrays.pop("loss")
        documents = arrays.pop("loss documents", np.arange(loss.shape[1])).tolist()  # older runs kept none
        splits = [name for name in arrays if not name.endswith(" templates")]
        found = {name: _items(arrays[name], arrays[f"{name} templates"].tolist()) for name in splits}
        return found | {"loss": _items(loss, documents)}


def unpacked(raw: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of the file's content, which may be a stranger's.

    Raises:
        UserError: They are no arrays, or more than memory should be given.
    """
    with one_line(lambda said: f"{NAME} holds a run's measurements; it is broken ({said}); run again"):
        try:
            with zipfile.ZipFile(io.BytesIO(raw)) as pack:
                if sum(part.file_size for part in pack.infolist()) > 4 * LONGEST:
                    raise ValueError("more than memory should be given")
            with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
                return dict(stored)
        except (zipfile.BadZipFile, zlib.error, struct.error, TokenError) as error:  # each a plain Exception
            raise ValueError(str(error)) from error


def _broken(folder: Path, said: str) -> str:
    return f"{NAME} holds a run's measurements; {plain(folder)} has a broken one ({said}); run again"


def _items(values: np.ndarray, clusters: Sequence[object]) -> Items:
    before, after = values.astype(float)
    if before.ndim != 1 or len(before) != len(clusters) or not np.isfinite(values.astype(float)).all():
        raise ValueError("an item has a finite number before and after, and a cluster")
    return Items(before, after, tuple(map(str, clusters)))
