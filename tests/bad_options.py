"""Cases of options: every option of every command with values that mean nothing."""

from collections.abc import Sequence
from functools import partial

from bad_inputs import Case, Place


def words(place: Place, command: str, options: Sequence[object], text: bool = True) -> Sequence[object]:
    """A command on the good model, with options."""
    out = () if command in ("audit", "plan") or "--out" in options else ("--out", place.folder / "out")
    neutral = ("--text", place.text) if text and command not in ("diagnose",) else ()
    return [command, place.model, *out, *neutral, *options]


def option(command: str, *options: object, quick: bool = False, good: bool = False, text: bool = True) -> Case:
    name = " ".join(
        [command, *(repr(str(one)[:30]) if not str(one).isprintable() else str(one)[:30] for one in options)]
    )
    return Case(f"option: {name}", partial(words, command=command, options=options, text=text), good=good, quick=quick)


def _occupied(place: Place, command: str) -> Sequence[object]:
    """--out is a folder that holds the user's own file, or the file itself."""
    folder = place.folder / "mine"
    folder.mkdir()
    (folder / "dear.txt").write_text("dear")
    return [command, place.model, "--text", place.text, "--out", folder]


def _a_file(place: Place, command: str) -> Sequence[object]:
    (place.folder / "mine").write_text("dear")
    text = () if command == "diagnose" else ("--text", place.text)
    return [command, place.model, *text, "--out", place.folder / "mine"]


_NUMBERS = ("nan", "inf", "-inf", "-1", "1e400", "", " ", "many", "0x10", "9" * 5000, "１e", "1_0_")
_ODD = ("", " ", "\x1b[31mred", "náme", "x" * 100_000, "a,b", "\udcff")
CASES = [
    *(option("repair", f"--budget={value}", quick=value == "nan") for value in (*_NUMBERS, "0", "1")),
    *(option("repair", f"--seconds={value}", quick=value == "inf") for value in (*_NUMBERS, "0")),
    *(option("audit", f"--chat={value}", quick=value == "maybe") for value in ("maybe", "ON", *_ODD)),
    *(option("audit", f"--fail-over=judgement={value}", quick=value == "inf") for value in _NUMBERS if value != "-1"),
    *(option("audit", f"--fail-under={value}=1", quick=value == "") for value in _ODD),
    *(option("audit", "--fail-over", "judgement=1", "--junit", value, quick=value == "")
      for value in ("", "x" * 100_000, "nowhere/a.xml")),
    *(option(command, "--chat", "on", quick=command == "audit") for command in ("audit", "repair", "compare", "plan")),
    *(option("repair", "--chat", "off", f"--system={value}") for value in ("Be brief.", "")),
    *(option("audit", f"--system={value}", quick=value == "") for value in (*_ODD, "{{ 7 }}")),
    *(option("compare", f"--budget={value}") for value in ("nan", "inf", "2")),
    *(option("compare", f"--seconds={value}") for value in ("nan", "inf", "0")),
    *(option("transfer", f"--budget={value}") for value in ("nan", "inf", "2")),
    *(option("plan", f"--seconds={value}") for value in ("nan", "inf", "-1")),
    *(option("repair", f"--seed={value}") for value in ("nan", "1.5", "", "x")),
    *(option("repair", f"--units={value}", "--method", "fasp") for value in ("nan", "-1", "", "9" * 30)),
    *(option("audit", "--dtype", value, quick=value in ("float8_e4m3fn", "int8")) for value in (
        "float8_e4m3fn", "float8_e5m2", "int8", "bool", "complex64", "uint16", "quint8", "float33", "Tensor",
          "__class__", *_ODD)),
    *(option("audit", "--device", value, quick=value == "meta") for value in (
        "meta", "cuda", "cuda:99", "mps", "xla", "hpu", "privateuseone", "vulkan", "fpga", *_ODD)),
    *(option(command, "--memory", value, quick=value == "1MB") for command in ("audit", "plan") for value in (
        "1MB", "8", "0GB", "-1GB", "8TB", "1e3GB", "nanGB", *_ODD)),
    *(option("diagnose", "--device", value) for value in ("meta", "cuda", "warp")),
    *(option("plan", "--device", value) for value in ("meta", "warp")),
    *(option("plan", "--dtype", value) for value in ("float8_e4m3fn", "int8", "nn")),
    *(option("audit", name, value) for name in ("--axis", "--context") for value in _ODD),
    *(option(command, f"--own={value}") for command in ("audit", "repair", "plan") for value in (
        " ", "x" * 100_000, "a,b", "a: b", "a: b; c: \udcff", "a: b; c: d (verb)", ":;:", "\x1b[31mred: a; b: c")),
    *(option("repair", name, value, quick=value == "" and name == "--keep") for name in ("--groups", "--dimension",
      "--method",
      "--energy", "--also", "--bias", "--keep", "--variant") for value in ("\x1b[31mred", "x" * 100_000, "\udcff",
        "a=b=c", "=", ",,,=")),
    *(option("repair", "--keep", value) for value in ("nan", "merit=nan", "merit=-1", "merit=inf", "nobody=0.1",
      "merit=", "merit")),
    *(option("repair", "--method", method, "--variant", value, quick=value == "percent=nan") for method, value in (
        ("fairness_pruning", "percent=nan"), ("fairness_pruning", "percent=inf"), ("fairness_pruning", "percent=-1"),
        ("fairness_pruning", "percent=0"), ("fairness_pruning", "percent=1000"), ("fairness_pruning", "weight=nan"),
        ("fairness_pruning", "nothing=1"), ("fairness_pruning", "percent"), ("breaking_down_bias", "q=nan"),
        ("breaking_down_bias", "q=inf"), ("breaking_down_bias", "q=-1"), ("breaking_down_bias", "unit=moon"))),
    *(option("transfer", "--methods", value, quick=value == ",") for value in (",", "", " ", "magic", "robust,robust",
      "\x1b[31m", "x" * 10_000)),
    *(option("compare", "--methods", value, quick=value == ",") for value in (",", "", "magic", "\x1b[31m")),
    *(option("compare", "--runs", value) for value in ("", "nowhere", "/dev/null")),
    *(option("transfer", "--leave-out", value) for value in ("moon", "\x1b[31m", "x" * 10_000)),
    *(option("transfer", "--leave-out", "axis", f"--strength={value}", quick=value == "nan") for value in ("nan",
      "inf", "-1", "1e30")),
    option("transfer", "--variant", "q=nan", "--methods", "breaking_down_bias"), option("transfer", "--run", "nowhere"),
    option("audit", "--suite", "huge"), option("audit", "--suite", ""), option("audit", "--names", "--level", "deep",
      text=False),
    option("audit", "--names", "--samples", "-1", text=False), option("audit", "--names", "--axis", "age", text=False),
    option("audit", "--names", "--context", "moon", text=False), option("audit", "--names", "--name-prompts",
      "nowhere", text=False),
    option("audit", "--names", "--samples", "9" * 20, text=False),
    option("repair", "--from", "nowhere", "--choose", "1", text=False), option("repair", "--from", "/dev/null",
      "--choose", "1", text=False),
    option("repair", "--choose", "1", text=False), option("repair", "--to", "a/b"), option("repair", "--yes"),
    option("repair", "--on-jobs", "moon"), option("repair", "--on-jobs", ""), option("repair", "--on-jobs", "l4x1",
      "--to", "../x"),
    option("diagnose", "--pair", "same", "same", quick=True), option("diagnose", "--pair", "", ""), option("diagnose",
      "--pair", "a", ""),
    option("diagnose", "--pair", "not UTF-8 \udcff\udcfe", "The man was", quick=True),
    option("diagnose", "--pair", "\ud800", "The man was"), option("diagnose", "--pair", "The woman was", " "),
    option("diagnose", "--pair", "the " * 100_000, "a " * 100_000, quick=True), option("diagnose", "--pair",
      "zzqx was", "qqzx was"),
    option("diagnose", "--repaired", "nowhere/to"), option("diagnose", "--repaired", "/dev/null"), option("diagnose",
      "--repaired", " "),
    *(Case(f"option: {command} --out {name}", partial(make, command=command),
      quick=command == "repair") for command in ("repair", "compare")
      for name, make in (("of a file", _a_file), ("of a folder with the user's own", _occupied)) if (command,
        name) != ("compare", "of a folder with the user's own")),
    Case("option: transfer --out of a file", partial(_a_file, command="transfer")),
    Case("option: diagnose --out of a file", partial(_a_file, command="diagnose"), quick=True),
    *(option("repair", "--out", path) for path in ("/dev/null", "/dev/null/x", "/proc/x", "x" * 300, "\udcff/\x1b")),
    option("fly"), option("audit", "--fly"), option("reproduce", text=False),
    option("diagnose", "--pair", "The woman was", "The man was", good=True, quick=True),
    option("audit", "--axis", "gender", "--json", good=True), option("audit", "--dtype", "bfloat16", good=True),
]  # fmt: skip
