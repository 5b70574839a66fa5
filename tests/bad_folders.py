"""Cases of model folders: weights missing, mismatched, broken, out of reach; links, pickles, adapters; good ones."""

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bad_configs import audit, copied
from bad_inputs import Case, Place

_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"


def _tensors(place: Place, change: Callable[[dict], object]) -> Sequence[object]:
    """The model with other tensors."""
    from safetensors.torch import load_file, save_file

    model = copied(place)
    tensors = load_file(model / _WEIGHTS)
    change(tensors)
    save_file(tensors, model / _WEIGHTS, metadata={"format": "pt"})
    return audit(place, model)


def _first(fill: float) -> Callable[[dict], object]:
    return lambda tensors: tensors["model.layers.0.self_attn.q_proj.weight"].fill_(fill)


def _without(part: str) -> Callable[[dict], object]:
    return lambda tensors: [tensors.pop(name) for name in list(tensors) if part in name]


def _renamed(tensors: dict) -> None:
    for name in list(tensors):
        tensors["other." + name] = tensors.pop(name)


def _retyped(kind: str) -> Callable[[dict], object]:
    import torch

    def change(tensors: dict) -> None:
        for name in tensors:
            tensors[name] = tensors[name].to(getattr(torch, kind))

    return change


def _cut(tensors: dict) -> None:
    tensors["model.norm.weight"] = tensors["model.norm.weight"][:-1].clone()


def _header(place: Place, header: bytes, length: int | None = None, rest: bytes = b"") -> Sequence[object]:
    model = copied(place)
    (model / _WEIGHTS).write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + rest)
    return audit(place, model)


def _bytes(place: Place, keep: int | None, more: bytes = b"") -> Sequence[object]:
    model = copied(place)
    raw = (model / _WEIGHTS).read_bytes()
    (model / _WEIGHTS).write_bytes((raw if keep is None else raw[:keep]) + more)
    return audit(place, model)


def sharded(place: Place, change: Callable[[dict, Path], object] = lambda index, model: None) -> Sequence[object]:
    """The model in two files and an index, which may be changed."""
    from safetensors.torch import load_file, save_file

    model = copied(place)
    tensors = load_file(model / _WEIGHTS)
    (model / _WEIGHTS).unlink()
    names = sorted(tensors)
    files = {f"model-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    for file, held in files.items():
        save_file({name: tensors[name] for name in held}, model / file, metadata={"format": "pt"})
    index = {"metadata": {"total_size": 1}, "weight_map": {name: file for file, held in files.items() for name in held}}
    index = change(index, model) or index
    (model / _INDEX).write_text(json.dumps(index))
    return audit(place, model)


def _mapped(to: str) -> Callable[[dict, Path], object]:
    return lambda index, model: index["weight_map"].update({next(iter(index["weight_map"])): to})


def _outside(index: dict, model: Path) -> None:
    shutil.copy(next(model.glob("*.safetensors")), model.parent / "other.safetensors")
    _mapped("../other.safetensors")(index, model)


def _linked(place: Place, name: str, to: str | None = None) -> Sequence[object]:
    """A file of the model that is a link out of its folder."""
    model = copied(place)
    outside = place.folder / "outside"
    outside.mkdir()
    if to is None and (model / name).is_file():
        shutil.move(model / name, outside / name)
    (model / name).unlink(missing_ok=True)
    (model / name).symlink_to(to or outside / name)
    return audit(place, model)


def _snapshot(place: Place, blobs: str = "blobs") -> Sequence[object]:
    """A model as the Hub's cache keeps it: links into blobs beside it."""
    home = place.folder / "models--org--name"
    (home / blobs).mkdir(parents=True)
    model = home / "snapshots" / "abc"
    model.mkdir(parents=True)
    for i, file in enumerate(sorted(place.model.iterdir())):
        shutil.copy(file, home / blobs / str(i))
        (model / file.name).symlink_to(Path("..", "..", blobs, str(i)))
    return audit(place, model)


class Bomb:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit(0)",)


def _pickled(place: Place, beside: bool) -> Sequence[object]:
    model = copied(place)
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    if not beside:
        (model / _WEIGHTS).unlink()
    return audit(place, model)


def _with(place: Place, files: dict[str, str | None], named: str = "model") -> Sequence[object]:
    """The model with files more, or (None) a folder or a pipe in the place of one."""
    model = copied(place)
    for name, text in files.items():
        (model / name).unlink(missing_ok=True)
        (model / name).parent.mkdir(exist_ok=True)
        if text is None:
            os.mkfifo(model / name) if named == "pipe" else (model / name).mkdir()
        else:
            (model / name).write_text(text)
    return audit(place, model)


def _shadow(place: Place) -> Sequence[object]:
    (place.folder / "org" / "name").mkdir(parents=True)
    return audit(place, "org/name")


def _tied(place: Place) -> Sequence[object]:
    import planted
    from tiny import ARCHITECTURES

    return audit(place, planted.save(
        ARCHITECTURES["llama"](vocab_size=len(planted.tokenizer()), tie_word_embeddings=True), place.folder / "tied"
    ))  # fmt: skip


def _named(place: Place, name: str) -> Sequence[object]:
    return audit(place, name)


def _missing(place: Place, name: str) -> Sequence[object]:
    model = copied(place)
    (model / name).unlink()
    return audit(place, model)


_TENSOR = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
CASES = [
    *(Case(f"weights: {name}", partial(_tensors, change=change), quick=quick) for name, change, quick in (
        ("one missing", _without("model.norm"), True), ("a layer missing", _without("layers.1."), False),
        ("no embedding", _without("embed"), False), ("all of other names", _renamed, True),
        ("one too short", _cut, True), ("infinite", _first(float("inf")), False), ("no numbers", _first(float("nan")),
          True),
        ("as large as can be", _first(3e38), False), ("one left", lambda t: [t.pop(n) for n in list(t)[1:]], False),
        ("none left", dict.clear, False))),
    *(Case(f"weights: of {kind}", lambda place, kind=kind: _tensors(place, _retyped(kind)),
      quick=kind == "float8_e4m3fn")
      for kind in ("float8_e4m3fn", "int8", "bool")),
    *(Case(f"safetensors header: {name}", partial(_header, header=header, length=length, rest=rest), quick=quick)
      for name, header, length, rest, quick in (
          ("a list", b"[1,2,3]", None, b"", True), ("null", b"null", None, b"", False), ("empty", b"", None, b"",
            False),
          ("not JSON", b"{", None, b"", False), ("not UTF-8", b"\xff\xff", None, b"", False),
          ("100,000 deep", b'{"a":' + b"[" * 100_000, None, b"", True), ("longer than the file", b"{}", 1 << 40, b"",
            True),
          ("no tensors", b"{}", None, b"", False), ("an unknown type", _TENSOR.replace(b"F32", b"F99"), None,
            b"\0" * 8, False),
          ("shape text", _TENSOR.replace(b"[2]", b'"a"'), None, b"\0" * 8, False),
          ("shape negative", _TENSOR.replace(b"[2]", b"[-2]"), None, b"\0" * 8, False),
          ("shape of fractions", _TENSOR.replace(b"[2]", b"[2.5]"), None, b"\0" * 8, False),
          ("shape huge", _TENSOR.replace(b"[2]", b"[99999999999999999999]"), None, b"\0" * 8, False),
          ("offsets beyond the file", _TENSOR.replace(b"[0,8]", b"[0,800]"), None, b"\0" * 8, False),
          ("offsets of one", _TENSOR.replace(b"[0,8]", b"[0]"), None, b"\0" * 8, False),
          ("a tensor that is a number", b'{"a": 3}', None, b"", False),
          ("a tensor without a type", b'{"a": {}}', None, b"", False))),
    *(Case(f"safetensors: {name}", partial(_bytes, keep=keep, more=more)) for name, keep, more in (
        ("empty", 0, b""), ("seven bytes", 7, b""), ("cut in the header", 100, b""), ("cut in the weights", -1000, b""),
        ("text", 0, b"not weights"), ("a broken zip", 0, b"PK\3\4broken"), ("more bytes behind", None, b"\0" * 64))),
    *(Case(f"index: {name}", partial(sharded, change=change), quick=quick) for name, change, quick in (
        ("a file that is not there", _mapped("model-9.safetensors"), True), ("a file outside", _outside, True),
        ("an absolute path", _mapped("/etc/passwd"), False), ("a pickle", _mapped("pytorch_model.bin"), False),
        ("a folder inside", _mapped("sub/model.safetensors"), False), ("empty names", _mapped(""), False),
        ("a number", lambda index, model: index["weight_map"].update(a=3), False),
        ("no map", lambda index, model: {"metadata": {}}, False), ("a list", lambda index, model: [1], False),
        ("an empty map", lambda index, model: index.update(weight_map={}), False),
        ("a map of text", lambda index, model: index.update(weight_map="all"), False))),
    *(Case(f"a link out of the folder: {name} to {to or 'the same file'}", partial(_linked, name=name, to=to),
      quick=quick) for name, to,
      quick in (
        ("config.json", None, True), ("model.safetensors", None, True), ("tokenizer.json", None, True),
        ("tokenizer_config.json", None, False), ("chat_template.jinja", "/proc/self/environ", True),
        ("generation_config.json", "/etc/passwd", False), ("special_tokens_map.json", "/etc/passwd", False),
        ("README.md", "/etc/passwd", False), ("config.json", "/nowhere", False), ("model.safetensors", "/dev/zero",
          False))),
    Case("a snapshot whose links leave the repository", partial(_snapshot, blobs="other")),
    Case("pickles only", partial(_pickled, beside=False), quick=True),
    Case("an adapter beside", partial(_with, files={"adapter_config.json": '{"base_model_name_or_path": "/etc"}'}),
      quick=True),
    Case("a folder as config.json", partial(_with, files={"config.json": None})),
    Case("a folder as tokenizer.json", partial(_with, files={"tokenizer.json": None})),
    Case("a folder as model.safetensors", partial(_with, files={"model.safetensors": None})),
    Case("a pipe as config.json", partial(_with, files={"config.json": None}, named="pipe"), quick=True),
    Case("a pipe as tokenizer.json", partial(_with, files={"tokenizer.json": None}, named="pipe"), quick=True),
    Case("a pipe as generation_config.json", partial(_with, files={"generation_config.json": None}, named="pipe")),
    Case("a pipe as model.safetensors", partial(_with, files={"model.safetensors": None}, named="pipe"), quick=True),
    Case("a folder that hides a model of the Hub", _shadow, quick=True),
    *(Case(f"without {name}", partial(_missing, name=name)) for name in ("config.json", "tokenizer.json", _WEIGHTS)),
    *(Case(f"a model called {name[:20]!r}", partial(_named, name=name), quick=not name.strip()) for name in (
        "", "   ", "a/b/c", "../nowhere", "/dev/null", "/dev/zero", "/proc/self", "org/na\x1b[31mme", "org/náme",
          "x" * 5000,
        "org/name@", "@", "org/name@../..", "-", "file:///etc", "https://example.org/m", "org/name\nfairhub: ok",
          "\udcff", ".")),
    Case("in two files with an index", sharded, good=True, quick=True),
    Case("a snapshot of the Hub's cache", _snapshot, good=True, quick=True),
    Case("of bfloat16", lambda place: _tensors(place, _retyped("bfloat16")), good=True, quick=True),
    Case("of float64", lambda place: _tensors(place, _retyped("float64")), good=True),
    Case("with a tied embedding", _tied, good=True, quick=True),
    Case("a pickle beside the weights", partial(_pickled, beside=True), good=True, quick=True),
    Case("files that are not read", partial(_with, files={
        "README.md": "---\nlicense: mit\n---\n# It", ".gitattributes": "*.bin lfs", "original/params.json": "{",
        "mine.py": "raise SystemExit(1)", "vocab.txt": "a", "tokenizer.model": "x"}), good=True, quick=True),
    Case("a card that is no YAML", partial(_with, files={"README.md": "---\na: [&a [*a, {\n---\n"}), good=True),
]  # fmt: skip
