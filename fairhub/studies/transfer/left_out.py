"""Leave one out: what a two-sided erasure does for an axis, group, context or dimension that it was not fitted on."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.data import Data
from fairhub.inputs.gathering import gather
from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.inputs.sizes import Sizes
from fairhub.measure.judgement.figures import figure
from fairhub.measure.judgement.gaps import Drawn, Words, cell_weights
from fairhub.measure.judgement.pairs import mean_over, of_pairs
from fairhub.measure.judgement.reading import Reading, flat, unflat
from fairhub.methods.erasure import Erasure, Item, erase, without
from fairhub.methods.two_sided import Seen, erased, items_for, swept
from fairhub.model.loading import Loaded
from fairhub.pipeline import task_of
from fairhub.proof.prover import Prover
from fairhub.report.markup import safe, table
from fairhub.report.record import Figure
from fairhub.report.wording import chance, odds, shift
from fairhub.run.folder import Run
from fairhub.search.task import Task

KINDS = ("axis", "group", "context", "dimension")
_TEXTS = 48
"""Held-out texts an axis at most that a dimension or a context is measured on: they need every axis."""


@dataclass(frozen=True)
class LeftOut:
    """What became of one gap, held out, under the whole edit and under one that never saw it."""

    name: str
    whole: Figure
    """Base against the edit that was fitted on everything."""
    without: Figure
    """Base against the edit that was not fitted on it."""
    between: Figure
    """The first edit against the second: above 0 is what leaving out costs."""


def names_of(kind: str, cells: Sequence[Cell]) -> list[str]:
    """Return what can be left out, one after another, of what an edit is fitted on."""
    found: dict[str, set[str]] = {
        "axis": {cell.axis for cell in cells},
        "group": {group for cell in cells for group in cell.groups},
        "context": {cell.context for cell in cells},
    }
    return sorted(found[kind])


def left_out(task: Task, data: Data, prove: Prover, kind: str, strength: float) -> list[LeftOut]:
    """Measure each on held-out terms, sentence forms and words; nothing is chosen by it.

    Args:
        task: The model, and what edits are fitted on.
        data: Of the same run: its held-out cells.
        prove: Measures.
        kind: axis, group, context or dimension.
        strength: Of all edits: nothing is searched.
    """
    items, erasure = items_for(task), Erasure(strength)
    seen = swept(task, items)
    whole = erased(task, seen, items, erasure)
    words = lexicon(task.tokenizer, "held_out")
    proof = next(cells for cells in data.judged if cells[0].split == "held_out")
    names = list(words.dimensions) if kind == "dimension" else names_of(kind, task.fit.cells)
    found = []
    for name in names:
        cells = _measured(kind, name, proof)
        if not cells:
            continue
        make = _Without(task, seen, items, erasure, kind, name)

        def measured(cells: Sequence[Cell] = cells, make: _Without = make) -> dict[str, Any]:
            return dict(flat(prove.judgements(cells, [Repair(), whole, make()])))

        stored = task.run.arrays(f"left_out_{kind}_{name}", measured)
        readings = unflat(cells, words, stored)
        entry = _entry(kind, name, readings)
        found += [entry] if entry else []
    return found


@dataclass(frozen=True, eq=False)
class _Without:
    """Makes the edit that was not fitted on something."""

    task: Task
    seen: Seen
    items: Sequence[Item]
    erasure: Erasure
    kind: str
    name: str

    def __call__(self) -> Repair:
        bar = self.task.progress(f"erasing without {self.name}", len(self.seen))
        if self.kind == "dimension":
            patch = erase(self.task.model, self.seen, self.items, self.erasure, bar, unread=(self.name,))
        else:
            patch = erase(self.task.model, *without(self.seen, self.items, self._dropped), self.erasure, bar)
        return Repair(patch=patch)

    def _dropped(self, item: Item) -> bool:
        if item.kind != "judged":
            return False  # what must stay is kept of all
        cell = self.task.fit.cells[item.cell]
        return self.name == {"axis": cell.axis, "context": cell.context, "group": item.group}[self.kind]


def _measured(kind: str, name: str, proof: Sequence[Cell]) -> list[Cell]:
    """Return the held-out cells that tell of it."""
    if kind == "axis":
        return [cell for cell in proof if cell.axis == name]
    if kind == "group":
        return [cell for cell in proof if name in cell.groups]
    few: dict[str, int] = {}
    found = []
    for cell in proof:
        if (kind == "dimension" or cell.context == name) and few.get(cell.axis, 0) < _TEXTS:
            few[cell.axis] = few.get(cell.axis, 0) + len(cell.texts)
            found.append(cell)
    return found


def _entry(kind: str, name: str, readings: Sequence[Reading]) -> LeftOut | None:
    """Return the row of what was left out; None where its gap cannot be measured."""
    dimension = name if kind == "dimension" else ""
    drawn = [_drawn(reading, name if kind == "group" else "", dimension) for reading in readings]
    known = [one for one in drawn if one is not None]
    if len(known) < len(readings):
        return None
    base, whole, alone = known
    title = f"judgement.{dimension}" if dimension else "judgement"
    of = partial(figure, title, "held_out", "all", "all")
    return LeftOut(name, of([base, whole]), of([base, alone]), of([whole, alone]))


def _drawn(reading: Reading, group: str, dimension: str) -> Drawn | None:
    """Return the judgement gap over axes, of the pairs of one group and by the words of one dimension where named."""
    words, weights = Words(reading.lexicon), cell_weights(reading.cells)
    judged = of_pairs(reading, words, weights, names=("judgement",))["judgement"]
    kept = {key: one for key, one in judged.items() if not group or group in reading.pairs[key[0]].groups}
    return mean_over(kept, reading.pairs, sorted({pair.axis for pair in reading.pairs}), dimension)


_STRONGEST = 10  # 1 takes out what was found, 2 turns it round; more only breaks the model


def refuse(kind: str, strength: float) -> None:
    """Refuse what cannot be left out, and a strength that means nothing.

    Raises:
        UserError: One of them.
    """
    if kind not in KINDS:
        raise UserError(f"what is left out is one of {', '.join(KINDS)}; got {kind!r}; mend --leave-out")
    if not 0 < strength <= _STRONGEST:
        raise UserError(f"a strength lies above 0, at most at {_STRONGEST}; got {strength:g}; mend --strength")


def carried(loaded: Loaded, kind: str, strength: float, text: Path | None, sizes: Sizes, out: Path) -> str:
    """Measure it, write leave_out.json and leave_out.md to `out`, and return the table; what was stopped goes on."""
    data = gather((), (), None, text, loaded.tokenizer, sizes)
    model = {"model": loaded.id, "revision": loaded.revision, "sha256": loaded.sha256()}
    asked = model | {"left_out": kind, "strength": strength}
    run = Run(out, asked | {"text": str(text) if text else None, "sizes": asdict(sizes)}, resume=True)
    run.began_with(data.provenance)
    found = left_out(task_of(loaded, data, run), data, Prover(loaded, data), kind, strength)
    document = asked | {"rows": [asdict(one) for one in found]}
    run.save(out / "leave_out.json", (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode())
    shown = rows_table(found, kind)
    run.save(out / "leave_out.md", f"# {safe(loaded.id)}: two-sided erasure without each {kind}\n\n{shown}\n".encode())
    return shown


def rows_table(found: Sequence[LeftOut], kind: str) -> str:
    """Return the table of leave_out.md: a row for each that was left out."""
    rows = [
        (
            one.name, odds(one.whole.before.value), shift(one.whole.change), shift(one.without.change),
            shift(one.between.change), chance(one.between.change.p) if one.between.change else "-",
        )
        for one in found
    ]  # fmt: skip
    head = (kind.capitalize(), "Before", "Fitted on all", "Fitted without it", "What leaving out changed", "p")
    return table(head, rows)
