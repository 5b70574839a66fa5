"""A quick part of the bad inputs, and (slow) all of them: no traceback, no hang, none taken for good, no file lost."""

import bad_inputs
import pytest
from bad_inputs import Case, cases, good_model, run
from wide import one_in

ALL = cases()
QUICK = [case for case in ALL if case.quick][::2]
"""Some of every table, one in six of them in every run; the others run with the slow ones."""


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return good_model(tmp_path_factory.mktemp("good"))


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    for name, value in (("HF_HUB_OFFLINE", "1"), ("TOKENIZERS_PARALLELISM", "false")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def outcome(case, good, brief=False):
    found = run(case, *good, brief)
    assert not found.fault, (found.code, found.seconds, found.said[-1500:])


@pytest.mark.parametrize("case", one_in(6, QUICK), ids=lambda case: case.name)
def test_quick(case, good):
    outcome(case, good, brief=True)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in ALL if case not in QUICK], ids=lambda case: case.name)
def test_all(case, good):
    outcome(case, good)


def test_names_are_unique_and_enough():
    names = [case.name for case in ALL]
    assert len(set(names)) == len(names) and len([case for case in ALL if not case.good]) >= 200


FAULTS = {
    "traceback": "raise KeyError('a')", "hang": "import time; time.sleep(9)", "wrongly accepted": "print('fine')",
    "not one line": "from fairhub.errors import UserError; print('out'); raise UserError('x')",
    "file lost": "from pathlib import Path; Path('mine').unlink()",
}  # fmt: skip


@pytest.mark.parametrize("fault, code", FAULTS.items(), ids=FAULTS)
def test_each_fault_is_seen(fault, code, good, monkeypatch):
    monkeypatch.setattr(bad_inputs, "SECONDS", 2)
    monkeypatch.setattr("fairhub.__main__.app", lambda: exec(code, {}))
    case = Case(fault, lambda place: [(place.folder / "mine").write_text("dear")])
    assert run(case, *good).fault.startswith(fault)
