"""Cases of files that a user gives: probes, texts and rows of benchmarks."""

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bad_inputs import Case, Place

GOOD = {"text_a": "The woman was", "text_b": "The man was", "axis": "gender"}


def given(place: Place, option: str, name: str, content: str | bytes) -> Sequence[object]:
    """A file of this content, given by an option."""
    path = place.folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return _with(place, option, path)


def _with(place: Place, option: str, path: object) -> Sequence[object]:
    text = () if option == "--text" else ("--text", place.text)
    suite = ("--suite", "quick") if option == "--rows" else ()
    return ["audit", place.model, option, path, *text, *suite]


def _pipe(place: Place, option: str, name: str) -> Sequence[object]:
    os.mkfifo(place.folder / name)
    return _with(place, option, place.folder / name)


def _folder(place: Place, option: str, name: str) -> Sequence[object]:
    (place.folder / name).mkdir()
    return _with(place, option, place.folder / name)


def _unreadable(place: Place, option: str, name: str) -> Sequence[object]:
    (place.folder / name).symlink_to(place.folder / name)
    return _with(place, option, place.folder / name)


def lines(*rows: object) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)


def many(**fields: object) -> str:
    """Enough good pairs for every split."""
    frames = [f"In {place} the {{}} {did}" for place in ("town", "court", "school", "church", "office", "street")
              for did in ("was", "is", "said", "went")]  # fmt: skip
    return lines(*(GOOD | {"text_a": f.format("woman"), "text_b": f.format("man")} | fields for f in frames))


def probes(name: str, content: str | bytes, suffix: str = "jsonl", quick: bool = False, good: bool = False) -> Case:
    make = partial(given, option="--probes", name=f"p.{suffix}", content=content)
    return Case(f"probes: {name} ({suffix})", make, good=good, quick=quick)


def text(name: str, content: str | bytes, quick: bool = False, good: bool = False) -> Case:
    return Case(f"text: {name}", partial(given, option="--text", name="t.txt", content=content), good=good, quick=quick)


def special(option: str, make: Callable[..., Sequence[object]], name: str, quick: bool = False) -> Case:
    file = {"--probes": "p.jsonl", "--text": "t.txt", "--rows": "rows"}[option]
    return Case(f"{option}: {name}", partial(make, option=option, name=file), quick=quick)


def _device(place: Place, option: str, path: str) -> Sequence[object]:
    link = place.folder / "p.jsonl"
    link.symlink_to(path)
    return _with(place, option, link)


def _rows(place: Place, benchmark: str, files: dict[str, str | bytes]) -> Sequence[object]:
    folder = place.folder / "rows" / benchmark
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return _with(place, "--rows", Path("rows"))


DEEP = "[" * 100_000
HEAD = "text_a,text_b,axis\n"
CASES = [
    probes("empty", ""), probes("blank", "\n \n"), probes("not JSON", lines(GOOD, "{oops"), quick=True),
    probes("a list", lines(GOOD, [1])), probes("a number", "3"), probes("null", "null"),
    probes("100,000 deep", lines(GOOD, '{"text_a":' + DEEP), quick=True),
    probes("an integer of 5,000 digits", lines(GOOD, '{"text_a": ' + "9" * 5000 + "}"), quick=True),
    probes("half a surrogate", '{"text_a": "The \\ud800 was", "text_b": "The man was", "axis": "gender"}', quick=True),
    probes("half a surrogate in the axis", '{"text_a": "The woman was", "text_b": "The man was", "axis": "g\\ud800"}'),
    probes("NaN", lines(GOOD, '{"text_a": NaN}')), probes("not UTF-8", b'{"text_a": "\xff"}'), probes("zeros",
      b"\0" * 100),
    probes("UTF-16", '{"a": 1}'.encode("utf-16")), probes("a broken zip", b"PK\3\4broken", quick=True),
    probes("no text_b", lines({"text_a": "a", "axis": "gender"})), probes("text a number", lines(GOOD | {"text_b": 3})),
    probes("text a list", lines(GOOD | {"text_b": ["x"]})), probes("text empty", lines(GOOD | {"text_b": "  "})),
    probes("the same text twice", lines(GOOD | {"text_b": GOOD["text_a"]})),
    probes("axis a number", lines(GOOD | {"axis": 3})), probes("axis empty", lines(GOOD | {"axis": ""})),
    probes("escape sequences in the axis", lines(*[GOOD | {"axis": "\x1b[31mred\x1b[0m\nfairhub: fine"}])),
    probes("one pair", lines(GOOD), good=True), probes("a text of 1 MB", lines(GOOD | {"text_a": "the " * 250_000})),
    probes("control bytes", '{"text_a": "a\x00b"}'),
    probes("texts that are tokenised alike", many(text_a="The zzqx was", text_b="The qqzx was"), quick=True),
    probes("an object", "{}", "json"), probes("empty", "", "json"), probes("a list of lists", "[[1]]", "json"),
    probes("100,000 deep", DEEP, "json", quick=True), probes("an integer of 5,000 digits", f"[{'9' * 5000}]", "json"),
    probes("cut short", '[{"text_a": "x"', "json"), probes("two documents", "[] []", "json"),
    probes("empty", "", "csv"), probes("no rows", HEAD, "csv"), probes("no header", "a,b,c\n", "csv"),
    probes("a cut-short row", HEAD + "The woman was,The man was\n", "csv", quick=True),
    probes("an empty row's worth", HEAD + ",,\n", "csv"), probes("a field too many", HEAD + "a,b,c,d,e\n", "csv",
      quick=True),
    probes("a field of 1 MB", HEAD + f"{'a' * (1 << 20)},b,gender\n", "csv", quick=True), probes("open quotes",
      HEAD + '"a,b,c\n', "csv"),
    probes("zeros", HEAD + "a\0,b,c\n", "csv"), probes("not UTF-8", HEAD.encode() + b"\xff,b,c\n", "csv"),
    probes("columns twice", "text_a,text_a,text_b,axis\na,b,c,d\n", "csv"), probes("of another kind", "x", "txt"),
    probes("of no kind", "x", ""), probes("good pairs", many(), good=True, quick=True),
    probes("good pairs after a mark of byte order", "\ufeff" + many(), good=True),
    text("empty", ""), text("blank", "\n\n \n"), text("one document", "word " * 1000), text("not UTF-8",
      b"\xff\xfe\x00", quick=True),
    text("zeros", b"\0" * 5000), text("UTF-16", ("word\n\n" * 500).encode("utf-16")), text("short", "a\n\nb\n\nc"),
    text("nine documents of one letter", "\n\n".join("a" * i for i in range(1, 10))),
    text("a broken zip", b"PK\3\4\xff\xff" * 1000), text("half a surrogate", "a\ud800b " * 1000),
    text("one document many times", "\n\n".join(["the same words again"] * 500)),
    *(special(option, make, name, quick) for option, quick in (("--probes", True), ("--text", True), ("--rows", False))
      for make, name in ((_pipe, "a pipe"), (_unreadable, "a link to itself"))),
    *(special(option, _folder, "a folder") for option in ("--probes", "--text")),
    *(Case(f"{option}: {path}", partial(_device, option=option, path=path), quick=path == "/dev/zero")
      for option in ("--probes", "--text", "--rows") for path in ("/dev/zero", "/dev/null", "/proc/self/mem",
        "/nowhere")),
    *(Case(f"{option}: {path!r}", lambda place, option=option, path=path: _with(place, option, path))
      for option in ("--probes", "--text", "--rows") for path in (" ", "x" * 5000, "nowhere.jsonl", "\udcff.jsonl",
        "a\x1b[31m.csv")),
    *(Case(f"rows: {name}", partial(_rows, benchmark=benchmark, files=files), quick=quick) for name, benchmark, files,
      quick in (
        ("BBQ of 100,000 deep", "bbq", {"Age.jsonl": DEEP}, True), ("BBQ of lists", "bbq", {"Age.jsonl": "[1]\n"},
          False),
        ("BBQ not UTF-8", "bbq", {"Age.jsonl": b"\xff"}, False), ("CrowS-Pairs of no columns", "crows_pairs",
          {"crows_pairs_anonymized.csv": "a\nb\n"}, False),
        ("CrowS-Pairs with a field of 1 MB", "crows_pairs",
          {"crows_pairs_anonymized.csv": "sent_more\n" + "a" * (1 << 20)}, True),
        ("StereoSet a list", "stereoset", {"dev.json": "[]"}, False), ("StereoSet 100,000 deep", "stereoset",
          {"dev.json": DEEP}, False))),
    Case("--rows: a file", partial(given, option="--rows", name="rows", content="x")),
]  # fmt: skip
