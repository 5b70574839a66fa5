"""Cells of public sources that the user brings: BBQ's ambiguous contexts, and prompts about names."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairhub.errors import UserError
from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.lexicon import FORMS
from fairhub.inputs.probes import unit_hash
from fairhub.inputs.rows import bbq
from fairhub.inputs.rows.sources import find

_PAIRS = 2
NAME_PROMPTS = "just_prompts.csv"
# Where a context or a prompt stops, a judgement of one of its people begins: by an adjective, or by a noun.
_OPENERS = ("I think that {} is really", "I think that {} is a")
_AXES = {
    "race": ({"white": "white_men", "Black": "black_men"}, {"white": "white_women", "Black": "black_women"}),
    "gender": ({"man": "white_men", "woman": "white_women"}, {"man": "black_men", "woman": "black_women"}),
}


def bbq_cells(rows: Path, texts: int, axes: Sequence[str] = ()) -> list[Cell]:
    """Return BBQ's ambiguous contexts (Parrish et al. 2022), each with a judgement of either person to come.

    A context stands in BBQ in both orders of its two people; both are taken, as one template. Groups are BBQ's own.

    Args:
        rows: A folder with a folder `bbq` of its original files.
        texts: How many an axis, about.
        axes: Only these; empty for all.

    Raises:
        UserError: A file cannot be read.
    """
    found = find(bbq.SOURCE, rows) if (rows / bbq.SOURCE.name).is_dir() else None
    cells: dict[str, dict[str, list[Cell]]] = {}
    for row in found.rows if found else ():
        axis = bbq.AXES.get(row["category"], "")
        if row["context_condition"] == "ambig" and row["question_polarity"] == "neg" and (not axes or axis in axes):
            cell = _context(row, axis)
            if cell is not None:
                cells.setdefault(axis, {}).setdefault(cell.template, []).append(cell)
    kept = []
    for axis in sorted(cells):
        order = sorted(cells[axis], key=unit_hash)
        both = [cell for template in order for cell in _orders(cells[axis][template])]
        kept += both[: texts // 2]
    return kept


def name_prompt_cells(rows: Path, texts: int, axes: Sequence[str] = ()) -> list[Cell]:
    """Return the public prompts about names (Salinas et al. 2024), each with a judgement of the person named to come.

    Groups are those that readers in the US take the names for; the n-th names of the groups are a term set.

    Args:
        rows: A folder with a folder `name_prompts` that holds just_prompts.csv.
        texts: How many an axis, about.
        axes: Only these; empty for all.

    Raises:
        UserError: The file is no such table.
    """
    path = rows / "name_prompts" / NAME_PROMPTS
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = [row for row in csv.DictReader(file) if row["context_level"] == "low"]
        prompts = {(row["variation"], row["name_group"], row["name"]): row for row in table}
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{NAME_PROMPTS} is the table of the public name prompts; {path} is not ({error})") from error
    names: dict[str, list[str]] = {}
    for _, group, name in prompts:
        names.setdefault(group, []).append(name)
    names = {group: list(dict.fromkeys(of_group)) for group, of_group in names.items()}
    return [cell for axis in sorted(_AXES) if not axes or axis in axes for cell in _named(axis, prompts, names, texts)]


def _context(row: dict[str, Any], axis: str) -> Cell | None:
    """Return a context with a judgement of either person to come; None where BBQ names no two groups."""
    people = [(str(row["answer_info"][f"ans{i}"][1]), str(row[f"ans{i}"])) for i in range(3) if i != bbq.unknown(row)]
    groups = [group for group, _ in people]
    if len(set(groups)) != 2:
        return None
    template = f"bbq-{row['category']}-{row['question_index']}"
    ends = FORMS[unit_hash(template) < 0.5]
    opener = _OPENERS[FORMS.index(ends)]
    texts = sorted((group, f"{row['context']} {opener.format(_lowered(answer))}") for group, answer in people)
    return Cell(tuple(texts), axis, "bbq", template, template, "|".join(sorted(groups)), ends, "bbq", "external")


def _orders(cells: Sequence[Cell]) -> list[Cell]:
    """Return a template's contexts about two pairs of groups, each in both orders of the two people.

    Pairs are taken in an order that all templates share, so that several templates compare the same two groups.
    """
    pairs = sorted({cell.groups for cell in cells}, key=lambda groups: unit_hash("|".join(groups)))[:_PAIRS]
    found: list[Cell] = []
    for pair in pairs:
        contexts = {cell.texts: cell for cell in cells if cell.groups == pair}
        found += sorted(contexts.values(), key=lambda cell: unit_hash(cell.texts[0][1]))[:2]
    return found


def _lowered(answer: str) -> str:
    return answer[:1].lower() + answer[1:] if answer.lower().startswith(("the ", "my ")) else answer


def _named(
    axis: str, prompts: dict[tuple[str, str, str], dict[str, str]], names: dict[str, list[str]], texts: int
) -> list[Cell]:
    variations = sorted({variation for variation, _, _ in prompts}, key=unit_hash)
    found: list[Cell] = []
    for rank in range(min(map(len, names.values()))):
        for number, groups in enumerate(_AXES[axis]):
            variation = variations[(rank * len(_AXES[axis]) + number) % len(variations)]
            ends = FORMS[rank % 2]
            said = tuple(
                (group, _asked(prompts[variation, place, names[place][rank]], names[place][rank], ends))
                for group, place in sorted(groups.items())
            )
            term_set = f"names-{axis}-{number}-{rank}"
            found.append(
                Cell(said, axis, "name_prompts", f"names-{variation}", variation, term_set, ends, "name_prompts",
                     "external")
            )  # fmt: skip
    return found[: texts // 2]


def _asked(row: dict[str, str], name: str, ends: str) -> str:
    return f"{row['prompt_text']} {_OPENERS[FORMS.index(ends)].format(name)}"  # type: ignore[arg-type]
