"""Malformed recipes and reports: every command that reads one says what is wrong in one line, and exits with 2."""

import json
import shutil
import sys

import pytest
from bad_records import CASES, spoil
from published import made, offline_
from wide import one_in

from fairhub.__main__ import main as program
from fairhub.studies.front import taken

COMMANDS = {
    "reproduce": lambda run, other: ["reproduce", str(run), "--quick", *own()],
    "publish": lambda run, other: ["publish", str(run), "--to", "ada/fair", "--dry-run"],
    "compare": lambda run, other: ["compare", "--runs", str(run), "--runs", str(other), "--out", str(run.parent / "c")],
    "repair": lambda run, other: ["repair", "--from", str(run), "--choose", "1", "--out", str(run.parent / "r")],
}  # fmt: skip
FRONT = [{"units": 0, "strength": 1.0, "lost": {"merit": 0.01}, "burden": 0.5, "chosen": True,
          "perplexity_relative": 0.0}]  # fmt: skip
OWN_WORDS = ("recipe.json: a seed below 0", "recipe.json: another method than its settings",
             "report.json: items below 0", "report.json: a candidate without a price")  # fmt: skip
"""Refused in words that no other case hears."""
READERS = {"recipe.json": ("reproduce", "publish"), "report.json": tuple(COMMANDS)}


def own():
    return ["--base", str(made()[0]), "--text", str(made()[1])]


@pytest.fixture
def fairhub(monkeypatch, capsys, tmp_path):
    offline_(monkeypatch)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))

    def run(words):
        monkeypatch.setattr(sys, "argv", ["fairhub", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            program()
            sys.exit(0)  # a command that ends well need not say so
        return stop.value.code or 0, capsys.readouterr().err

    return run


@pytest.fixture
def run(tmp_path):
    ignored = shutil.ignore_patterns("figures", "*.md", "trace.jsonl")
    copy = shutil.copytree(made()[2], tmp_path / "run", ignore=ignored)
    report = json.loads((copy / "report.json").read_text())
    (copy / "report.json").write_text(json.dumps(report | {"choices": FRONT}))  # for --from to take from
    return copy


@pytest.mark.parametrize("case", one_in(5, CASES, *OWN_WORDS))
def test_a_bad_record_is_one_line(case, fairhub, run):
    file = spoil(run, case)
    for name in READERS[file]:
        code, said = fairhub(COMMANDS[name](run, made()[2]))
        lines = [line for line in said.splitlines() if line.startswith("fairhub: ")]
        assert code == 2 and said.splitlines() == lines and len(lines) == 1, (name, said)
        assert "\x1b" not in said and "Traceback" not in said and len(said) < 2000


def test_good_records_are_taken(fairhub, run):
    assert fairhub(COMMANDS["compare"](run, made()[2]))[0] == 0
    assert fairhub(COMMANDS["publish"](run, made()[2]))[0] == 0
    assert taken(run, 1)[1].plan.strength == 1.0
    assert len(CASES) > 60
