"""items.npz: what a run measured, item by item, so that two runs on the same probes can be compared in pairs."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairhub.data import Data
from fairhub.errors import UserError
from fairhub.probes import CONTROL

NAME = "items.npz"


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
    try:
        with np.load(folder / NAME, allow_pickle=False) as stored:
            arrays = dict(stored)
        loss = arrays.pop("loss")
        documents = arrays.pop("loss documents", np.arange(loss.shape[1])).tolist()  # older runs kept none
        splits = [name for name in arrays if not name.endswith(" templates")]
        found = {name: _items(arrays[name], arrays[f"{name} templates"].tolist()) for name in splits}
        found["loss"] = _items(loss, documents)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{NAME} holds a run's measurements; {folder} has a broken one ({error}); run again") from error
    return found


def _items(values: np.ndarray, clusters: Iterable[object]) -> Items:
    before, after = values
    return Items(before, after, tuple(map(str, clusters)))
