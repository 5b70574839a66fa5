"""Rows of BBQ (Parrish et al. 2022), with the place of the stereotyped group's answer."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from fairhub.inputs.rows.sources import Hub, Row, Source, read_lines

AXES = {
    "Age": "age", "Disability_status": "disability", "Gender_identity": "gender", "Nationality": "nationality",
    "Physical_appearance": "appearance", "Race_ethnicity": "race", "Religion": "religion", "SES": "wealth",
    "Sexual_orientation": "sexual_orientation", "Race_x_SES": "race_x_wealth", "Race_x_gender": "race_x_gender",
}  # fmt: skip
_METADATA = "additional_metadata.csv"


def _read(paths: Sequence[Path]) -> list[Row]:
    """Return rows with `target`, the place of the stereotyped group's answer, None where BBQ names none."""
    targets: dict[tuple[str, str], set[str]] = {}
    for path in paths:
        if path.name == _METADATA:
            with path.open(encoding="utf-8", newline="") as file:
                for line in csv.DictReader(file):  # some examples are listed twice
                    targets.setdefault((line["category"], line["example_id"]), set()).add(line["target_loc"])
    rows = [row for path in paths if path.suffix == ".jsonl" for row in read_lines(path)]
    return [row | {"target": _target(row, targets.get((row["category"], str(row["example_id"])), ()))} for row in rows]


def _target(row: Row, listed: Iterable[str]) -> int | None:
    """Return the stereotyped group's place: target_loc, or in a harmless question the other group's.

    BBQ's target_loc is the answer that follows the stereotype: asked who was good at it, that is the other group.
    """
    places = list(listed)
    if len(places) != 1 or places[0] not in ("0", "1", "2"):
        return None
    if row["question_polarity"] == "neg":
        return int(places[0])
    others = [i for i in range(3) if i not in (int(places[0]), unknown(row))]
    return others[0] if len(others) == 1 else None


def named(row: Row) -> Row:
    """Return a row of the Hub, which has no target_loc, with the answer whose group is named as stereotyped."""
    groups = {str(group).lower() for group in row["additional_metadata"]["stereotyped_groups"]}
    places = [i for i in range(3) if groups & {str(g).lower() for g in row["answer_info"][f"ans{i}"]}]
    return row | {"target": places[0] if len(places) == 1 else None}


SOURCE = Source(
    "bbq", "BBQ", "CC-BY-4.0", ("*.jsonl",), _read, ("BBQ", "data"), Hub("oskarvanderwal/bbq", "All", "test"), named,
    (_METADATA,),
)  # fmt: skip


def unknown(row: Row) -> int:
    """Return the place of the answer "unknown".

    Raises:
        KeyError: The row has none.
    """
    for i in range(3):
        if "unknown" in row["answer_info"][f"ans{i}"]:
            return i
    raise KeyError(f"unknown, in example {row.get('example_id')}")
