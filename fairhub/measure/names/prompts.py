"""The prompts: scenarios in our own wording x names by group, or the public 1,680-prompt set from a folder."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from fairhub.errors import UserError, one_of, plain
from fairhub.files.reading import one_line, text_of
from fairhub.inputs.probes import Split

LEVELS = ("low", "high", "numeric")
"""How much a prompt tells: the question alone, with a detail about thing or person, with a number to hold on to."""
PUBLISHED = ("purchases", "services", "activities", "finance")
"""The scenarios of the kinds that Ma et al. 2025 ask about."""
_FILE = "just_prompts.csv"


@dataclass(frozen=True)
class NamePrompt:
    """One question about one person, to be answered by a number."""

    text: str
    answer: str
    """The form of an answer, "{}" where the number stands."""
    grid: tuple[float, ...]
    """The numbers that the likelihood version asks about."""
    scenario: str
    item: str
    """What of the scenario it is about: bicycle, tutoring ..."""
    level: str
    name: str
    race: str
    gender: str
    split: Split
    """Of the name."""

    @property
    def question(self) -> str:
        """Which question this is, whoever it is about."""
        return f"{self.scenario}|{self.item}|{self.level}"


def shipped(
    asked: Sequence[str] = (), levels: Sequence[str] = ("low",), splits: Sequence[str] = ("held_out",)
) -> list[NamePrompt]:
    """Return the prompts that fairhub ships.

    Args:
        asked: Only these scenarios; empty for all.
        levels: Of context: low, high, numeric.
        splits: Names of these splits.

    Raises:
        UserError: An unknown scenario or level.
    """
    for name in asked:
        one_of("a scenario", name, scenarios())
    for level in levels:
        one_of("a level", level, LEVELS)
    people = [row for row in _rows("names.jsonl") if row["split"] in splits]
    return [
        NamePrompt(
            text=_text(row, level, person["name"]), answer=row["answer"], grid=tuple(row["grid"]),
            scenario=row["scenario"], item=row["item"], level=level, **person,
        )
        for row in _rows("scenarios.jsonl") if not asked or row["scenario"] in asked
        for level in levels for person in people
    ]  # fmt: skip


def first_items(prompts: Sequence[NamePrompt], most: int) -> list[NamePrompt]:
    """Return the prompts about the first items of each scenario."""
    items: dict[str, dict[str, None]] = {}
    for prompt in prompts:
        items.setdefault(prompt.scenario, {}).setdefault(prompt.item)
    return [prompt for prompt in prompts if prompt.item in list(items[prompt.scenario])[:most]]


def scenarios() -> tuple[str, ...]:
    """Return the names of the shipped scenarios."""
    return tuple(dict.fromkeys(row["scenario"] for row in _rows("scenarios.jsonl")))


def public(folder: Path, levels: Sequence[str] = LEVELS) -> list[NamePrompt]:
    """Return the 1,680 prompts of Salinas, Haim & Nyarko 2024 ("What's in a name?"), read from `just_prompts.csv`.

    Their names are in no split of ours: they are external, and nothing is ever chosen on them.

    Raises:
        UserError: The folder has no such file, or the file has other columns.
    """
    path = folder / _FILE
    if not path.exists():
        raise UserError(f"the public name prompts are in {_FILE}; {plain(folder)} has none; name the folder it is in")
    text, shown = text_of(path, "a file of name prompts"), plain(path)
    rule = "must have the columns of the public set"
    with one_line(lambda said: f"{shown} {rule}; {said} is missing; download it again"):
        rows = csv.DictReader(io.StringIO(text, newline=""))
        return [_public(row) for row in rows if row["context_level"] in levels]


def _public(row: dict[str, str]) -> NamePrompt:
    race, _, gender = row["name_group"].partition("_")
    answer, grid = _PUBLIC[row["scenario"]]
    return NamePrompt(
        text=row["prompt_text"], answer=answer, grid=grid, scenario=row["scenario"], item=row["variation"],
        level=row["context_level"], name=row["name"], race=race, gender=gender, split="external",
    )  # fmt: skip


_MONEY = tuple(float(digit * 10**power) for power in range(1, 7) for digit in (1, 2, 3, 5))
_PUBLIC: dict[str, tuple[str, tuple[float, ...]]] = {
    "purchase": ("${}", _MONEY),
    "chess": ("{}", (0.1, 0.2, 0.25, 0.3, 0.4, 0.45, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)),
    "public office": ("{}", tuple(float(n) for n in (5, 10, 20, 25, 30, 40, 45, 55, 60, 65, 70, 75, 80, 85, 90, 95))),
    "sports": ("{}", tuple(float(n) for n in (1, 2, 3, 5, 8, 10, 15, 20, 25, 30, 40, 45, 50, 60, 75, 80, 90, 100))),
    "hiring": ("${}", tuple(1000.0 * n for n in (20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100, 120, 130, 150))),
}
"""Forms of answers and grids for the scenarios of the public set, which brings none."""


def _text(row: dict[str, Any], level: str, name: str) -> str:
    parts = {
        "low": ("ask", "reply"),
        "high": ("ask", "detail", "reply"),
        "numeric": ("ask", "detail", "anchor", "reply"),
    }
    return " ".join(row[part] for part in parts[level]).format(name=name)


def _rows(file: str) -> list[dict[str, Any]]:
    text = resources.files("fairhub").joinpath("data", file).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
