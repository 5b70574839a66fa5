"""The published folder: where its records and its model lie, and that no pickle, link or half of a model is in it."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairhub.errors import UserError, plain
from fairhub.files.reading import MEGABYTE, is_blob, parsed, text_of
from fairhub.publish.names import INDEX, WEIGHTS, is_weights, refuse_names


@dataclass(frozen=True)
class Folder:
    """A published run on this disk."""

    records: Path
    """Where recipe.json and report.json lie."""
    model: Path | None
    """Where config.json and the weights lie; None where the recipe alone was published."""
    weights: tuple[Path, ...]
    """The files that stock transformers takes tensors from."""


def open_folder(folder: Path) -> Folder:
    """Return what lies where in a run folder or in the download of a published one.

    Raises:
        UserError: It holds pickles, links or files of another model, or a model of which a part is missing.
    """
    records = next(part for part in (folder / "fairhub", folder) if (part / "recipe.json").is_file())
    place = folder if records != folder else folder / "model"
    _refuse_links(folder, [*records.glob("*.json"), *records.glob("*.npz"), place, *_files(place)])
    names = {path.name for path in _files(place)}
    refuse_names(names, str(folder))
    used = _used(place, names)
    if not used and records != folder and not names & {"config.json", "tokenizer.json"}:
        return Folder(records, None, ())
    if extra := sorted({name for name in names if is_weights(name)} - set(used)):
        raise UserError(f"a published model has one set of weights; {plain(place)} has {extra[0]} too; remove it")
    needed = {"config.json", "tokenizer.json", *(used or (WEIGHTS,))}
    if missing := sorted(needed - names):
        raise UserError(f"a published model is whole; {plain(place)} has no {missing[0]}; download it again")
    return Folder(records, place, tuple(place / name for name in used))


def _files(place: Path) -> list[Path]:
    return sorted(place.iterdir()) if place.is_dir() else []


def _used(place: Path, names: Collection[str]) -> tuple[str, ...]:
    """Return the names of the files that stock transformers takes tensors from: one file before several."""
    if WEIGHTS in names or INDEX not in names:
        return (WEIGHTS,) if WEIGHTS in names else ()
    index = parsed(text_of(place / INDEX, "an index of weights", 32 * MEGABYTE), INDEX)
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not shards or not all(isinstance(name, str) for name in shards.values()):
        raise UserError(
            f"an index of weights maps tensors to files; {plain(place / INDEX)} does not; download it again"
        )
    found = tuple(sorted(set(shards.values())))
    if wrong := [name for name in found if not is_weights(name)]:
        raise UserError(f"an index of weights names files beside it; got {plain(json.dumps(wrong[0]))}; ask its maker")
    return found


def _refuse_links(folder: Path, paths: Sequence[Path]) -> None:
    """Refuse links that leave the folder; those of the Hub client's own cache lead to its blobs."""
    for path in paths:
        real = path.resolve()
        if not real.is_relative_to(folder.resolve()) and not is_blob(folder, real):
            raise UserError(f"a published folder holds its own files; {plain(path)} is a link out of it; remove it")
