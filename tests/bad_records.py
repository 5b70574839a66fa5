"""Records that no fairhub wrote, by name: each with the file it stands in, and what makes it of a good one."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[[Path], bytes]
"""Gets the good file, returns the content of the bad one."""
DEEP = 100_000


def part(*path: str | int, to: Any) -> Make:
    """Put a value at a place of the record."""

    def make(file: Path) -> bytes:
        record = json.loads(file.read_text())
        inside = record
        for step in path[:-1]:
            inside = inside[step]
        inside[path[-1]] = to
        return json.dumps(record).encode()

    return make


def gone(*path: str | int) -> Make:
    """Take a place of the record away."""

    def make(file: Path) -> bytes:
        record = json.loads(file.read_text())
        inside = record
        for step in path[:-1]:
            inside = inside[step]
        del inside[path[-1]]
        return json.dumps(record).encode()

    return make


def written(content: bytes) -> Make:
    """Write this instead of the record."""
    return lambda file: content


def spliced(old: bytes, new: bytes) -> Make:
    """Replace bytes of the record, the first time they stand there."""

    def make(file: Path) -> bytes:
        content = file.read_bytes()
        assert old in content, old
        return content.replace(old, new, 1)

    return make


WHOLE: dict[str, Make] = {
    "empty": written(b""),
    "spaces": written(b"  \n"),
    "a list": written(b"[]"),
    "null": written(b"null"),
    "a number": written(b"3"),
    "a string": written(b'"x"'),
    "an empty object": written(b"{}"),
    "not UTF-8": written(b"\xff\xfe\x80"),
    "UTF-16": written('{"schema": 1}'.encode("utf-16")),
    "nested lists": written(b"[" * DEEP + b"]" * DEEP),
    "nested objects": written(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "cut short": lambda file: file.read_bytes()[:200],
    "binary": written(struct.pack("<64d", *range(64))),
    "NaN for a seed": spliced(b'"seed": 0', b'"seed": NaN'),
    "infinity for a seed": spliced(b'"seed": 0', b'"seed": -Infinity'),
    "1e999 for a seed": spliced(b'"seed": 0', b'"seed": 1e999'),
    "5,000 digits for a seed": spliced(b'"seed": 0', b'"seed": ' + b"9" * 5000),
    "a thousand digits for a seed": spliced(b'"seed": 0', b'"seed": ' + b"9" * 1000),
    "half a surrogate": spliced(b'"method": "robust"', b'"method": "\\ud800"'),
    "a null byte in a word": part("method", to="rob\x00ust"),
    "an escape in a word": part("method", to="\x1b[31mrobust\x1b]0;owned\x07"),
    "a turned word": part("method", to="rob\u202eust"),
    "an escape in a key": part("versions\x1b[2J", to=1),
    "an unknown schema": part("schema", to=99),
    "true for a schema": part("schema", to=True),
    "no schema": gone("schema"),
    "a text for a seed": part("seed", to="0"),
    "true for a seed": part("seed", to=True),
    "null for a method": part("method", to=None),
    "a list for a method": part("method", to=["robust"]),
    "a number for a version": part("fairhub", to=1),
    "no version": gone("fairhub"),
    "a list for a base": part("base_model", to=[]),
    "an empty base": part("base_model", to={}),
    "null for a base's id": part("base_model", "id", to=None),
    "a number for a base's hash": part("base_model", "sha256", to=5),
    "no hash of a base": gone("base_model", "sha256"),
    "a text for units": part("pruning", to="head"),
    "a number for a unit": part("pruning", to=[3]),
    "an empty unit": part("pruning", to=[{}]),
    "a unit of another kind": part("pruning", 0, "kind", to="limb"),
    "a layer below 0": part("pruning", 0, "layer", to=-1),
    "a layer beyond every model": part("pruning", 0, "layer", to=10**12),
    "half a layer": part("pruning", 0, "layer", to=0.5),
    "a text for an index": part("pruning", 0, "index", to="2"),
    "a unit twice": lambda file: part("pruning", to=2 * json.loads(file.read_text())["pruning"])(file),
    "a text for data": part("data", to="x"),
    "numbers for data": part("data", to=[1]),
    "a list for settings": part("settings", to=[1]),
    "a text for healing": part("healing", to="strong"),
    "an unknown part": part("more", to=1),
}
"""Of either record."""
RECIPE: dict[str, Make] = {
    "no weights": gone("weights"),
    "a list for weights": part("weights", to=[]),
    "no hash of a weight": part("weights", to={"lm_head.weight": None}),
    "no tensors": part("weights", to={}),
    "a wide tolerance": part("tolerance", to=1e9),
    "no room at all": part("tolerance", to=-1),
    "a text for a tolerance": part("tolerance", to="wide"),
    "an infinite tolerance": part("tolerance", to=float("inf")),
    "a NaN for a tolerance": part("tolerance", to=float("nan")),
    "an unknown type": part("base_model", "dtype", to="int8"),
    "a module for a type": part("base_model", "dtype", to="nn"),
    "a branch for a commit": part("base_model", "revision", to="main"),
    "a path for a commit": part("base_model", "revision", to="../../etc"),
    "a short hash": part("base_model", "sha256", to="abc"),
    "code for a version": part("fairhub", to='0.1.0"\nimport os'),
    "a word for a version": part("fairhub", to="latest"),
    "dials of another fairhub": part("healing", to={"shield": 1.0}),
    "a negative strength": part("healing", to={"guard": -1.0, "keep": 0.5, "depth": 0.5, "ridge": 0.001}),
    "an endless strength": part("healing", to={"guard": 1e300, "keep": 0.5, "depth": 0.5, "ridge": 0.001}),
    "a text for a strength": part("healing", to={"guard": "1", "keep": 0.5, "depth": 0.5, "ridge": 0.001}),
    "no fingerprint": part("fingerprint", to={}),
    "a fingerprint without logits": part("fingerprint", "logits", to=[]),
    "a fingerprint of words": part("fingerprint", "logits", to=[["x"]]),
    "a fingerprint with a NaN": part("fingerprint", "logits", 0, 0, to=float("nan")),
    "a fingerprint too short": part("fingerprint", "ids", to=[1]),
    "a seed below 0": part("seed", to=-1),
    "another method than its settings": part("method", to="fasp"),
    "a list for a machine": part("made_on", to=[]),
    "a wheel elsewhere": part("wheel", to={"file": "../../x.whl", "sha256": "0" * 64}),
    "a wheel without a hash": part("wheel", to={"file": "fairhub/fairhub-0.2.0-py3-none-any.whl"}),
}
REPORT: dict[str, Make] = {
    "null for figures": part("figures", to=None),
    "an object for figures": part("figures", to={}),
    "numbers for figures": part("figures", to=[1]),
    "a figure without a name": gone("figures", 0, "name"),
    "a list for a figure's name": part("figures", 0, "name", to=[]),
    "an escape in a figure's name": part("figures", 0, "name", to="\x1b[31mred"),
    "an unknown split": part("figures", 0, "split", to="elsewhere"),
    "an unknown direction": part("figures", 0, "better", to="up"),
    "a text for items": part("figures", 0, "items", to="many"),
    "items below 0": part("figures", 0, "items", to=-5),
    "no interval": part("figures", 0, "before", to=None),
    "an interval with a NaN": part("figures", 0, "before", "low", to=float("nan")),
    "an interval of words": part("figures", 0, "before", "low", to="low"),
    "an interval beyond numbers": part("figures", 0, "before", "low", to=10**400),
    "half a change": part("figures", 0, "change", to=None),
    "three groups": part("figures", 0, "groups", to=["a", "b", "c"]),
    "a limit below 0": part("figures", 0, "limit", to=-1),
    "a list for a verdict": part("verdict", to=[]),
    "numbers for texts": part("text", to=[1]),
    "a text without a prompt": part("text", to=[{"before": "a", "after": "b"}]),
    "a list for a trace": part("trace", to=[]),
    "words for energies": part("trace", "energy", to=["low"]),
    "a text for costs": part("cost", to="much"),
    "a text for parameters": part("parameters", to="many"),
    "a list for parameters": part("parameters", "total", to=[]),
    "numbers for candidates": part("choices", to=[1]),
    "a candidate of a negative strength": part("choices", to=[{"lost": {}, "strength": -1, "chosen": True}]),
    "a candidate without a price": part("choices", to=[{"lost": {}, "strength": 1, "chosen": True}]),
    "words for reliability": part("reliability", to={"seed": "high"}),
    "numbers for controls": part("controls", to=[1]),
    "a control without figures": part("controls", 0, "figures", to=None),
    "a matrix with holes": part("transfer", to={"cells": [], "rows": [{}]}),
    "a matrix of numbers": part("transfer", to=3),
    "words without groups": part("brought", to=[{"axis": "age"}]),
}
CASES = {
    **{f"recipe.json: {name}": ("recipe.json", make) for name, make in {**WHOLE, **RECIPE}.items()},
    **{f"report.json: {name}": ("report.json", make) for name, make in {**WHOLE, **REPORT}.items()},
}
"""By name: the file of a run folder, and what makes its bad content of the good file."""


def spoil(run: Path, name: str) -> str:
    """Put the bad record in the place of a run folder's good one; return which it is."""
    file, make = CASES[name]
    (run / file).write_bytes(make(run / file))
    return file
