"""A row of another model: what stands in it, and that rows are added and none is lost."""

import importlib.util
from pathlib import Path

import fake_report as fake

PLACE = Path(__file__).parent.parent / "benchmarks" / "second.py"
SPEC = importlib.util.spec_from_file_location("second", PLACE)
assert SPEC is not None and SPEC.loader is not None
second = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(second)
BEGIN, END, row, with_rows = second.BEGIN, second.END, second.row, second.with_rows


def test_a_row_says_what_became_of_a_model_and_names_no_folder(tmp_path):
    report = fake.report()
    local = fake.report(base_model={**report.base_model, "id": str(tmp_path / "own"), "revision": "local"})
    said = row(local, "abc1234", "2026-11-28")
    assert said.startswith("| 2026-11-28 | abc1234 | own | `") and str(tmp_path) not in said
    assert said.count("|") == 12 and "%" in said


def test_rows_are_added_one_after_the_other_and_the_page_stays():
    page = "# Results\n\nText.\n"
    once = with_rows(page, ["| a |"])
    twice = with_rows(once, ["| b |", "| c |"])
    assert twice.startswith(page.rstrip()) and twice.count(BEGIN) == twice.count(END) == 1
    assert twice.index("| a |") < twice.index("| b |") < twice.index("| c |") < twice.index(END)
