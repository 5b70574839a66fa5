"""Another point of a finished run's front: taken without a search, and made again from its own recipe."""

from pathlib import Path

import pytest
from planted import fair_model, loaded, planted_model
from published import STRENGTHS, erased

from fairhub.errors import UserError
from fairhub.pipeline import repair
from fairhub.report import read
from fairhub.report.tables import by_strength, choices_table
from fairhub.studies.front import refuse_other, taken


@pytest.fixture(scope="module")
def run() -> Path:
    """A run that measured every strength on select."""
    return erased()[2]


def test_a_whole_front_has_every_strength_and_its_rows_are_numbered(run: Path) -> None:
    report = read(run / "report.json")
    front = by_strength(report.choices or ())
    assert [choice["strength"] for choice in front] == list(STRENGTHS)
    assert sum(choice["chosen"] for choice in front) == 1
    gaps = [choice["bias_relative"] for choice in front]
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] < -0.4  # stronger takes more
    shown = choices_table(report)
    assert all(f"| {row} | {strength:g} |" in shown for row, strength in enumerate(STRENGTHS, 1))
    assert "\\\\" not in shown  # a name is escaped once


@pytest.mark.wide
def test_a_row_is_taken_without_a_search_and_says_where_from(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def searched(*_: object) -> None:
        raise AssertionError("a row that a person took is not measured on select again")

    before = read(run / "report.json")
    row = next(n for n, choice in enumerate(by_strength(before.choices or ()), 1) if not choice["chosen"])
    name, request = taken(run, row)
    assert name == before.base_model["id"] and request.plan.strength == STRENGTHS[row - 1]
    monkeypatch.setattr("fairhub.methods.keeping.Bench.__init__", searched)
    made = repair(loaded(planted_model()), request, tmp_path / "taken")
    assert made.healing is not None and made.healing["strength"] == STRENGTHS[row - 1]
    marked = [{**choice, "chosen": choice["strength"] == STRENGTHS[row - 1]} for choice in before.choices or ()]
    for choice in marked:
        choice.pop("texts", None)  # they are the earlier run's to show
    assert by_strength(made.choices or ()) == by_strength(marked)
    again = read(tmp_path / "taken" / "report.json")
    assert again.settings is not None and again.settings["plan"]["strength"] == STRENGTHS[row - 1]


@pytest.mark.parametrize("row", [0, -1, 4])
def test_a_row_that_is_not_there_is_refused_with_those_that_are(run: Path, row: int) -> None:
    with pytest.raises(UserError, match=rf"got {row}; .* has 1 \(strength 0.1\), 2 \(strength 1\), 3 \(strength 10\)"):
        taken(run, row)


def test_a_run_without_a_report_a_front_or_the_same_model_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no report.json"):
        taken(tmp_path, 1)
    text = (run / "report.json").read_text()
    front = read(run / "report.json").choices
    assert front
    (tmp_path / "report.json").write_text(text.replace('"lost"', '"left"'))
    with pytest.raises(UserError, match="a front has the strengths of two_sided"):
        taken(tmp_path, 1)
    with pytest.raises(UserError, match="name the model it was made of"):
        refuse_other(loaded(fair_model()), run)
    refuse_other(loaded(planted_model()), run)
