"""Two-sided erasure: the default. What a group's name says is erased where judgements read it, and nowhere else."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fairhub.edit.healing import Key
from fairhub.edit.repair import Repair
from fairhub.inputs.judgement.cells import pairs
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.measure.keep import limits_of
from fairhub.methods.controls import shuffled
from fairhub.methods.erasure import (
    Erasure,
    Item,
    Reads,
    Seen,
    erase,
    erase_each,
    items_of,
    prices,
    sweep,
    sweep_bytes,
    sweep_tokens,
)
from fairhub.methods.guards import strongest
from fairhub.methods.keeping import Bench, Tried
from fairhub.methods.method import Method
from fairhub.methods.outcome import Outcome
from fairhub.model.architecture import sites
from fairhub.model.facts import context_window
from fairhub.run.folder import digest
from fairhub.search.task import Plan, Task

_FIRST = 0.56
"""The strength that is tried first: near what the limits allowed on the default model, and only a guess."""
_ALIKE = 1e4
"""What `broad` is where every direction of a left side is as good as alike."""
_ALSO = 1.0
"""How much whatever follows a group's name counts beside judgements, where that is asked."""


def two_sided(task: Task, plan: Plan) -> Outcome:
    """Erase what a group's name says where judgements read it; keep meaning, recall, merit and text.

    One sweep over search measures mean differences of groups, what judgement words read, and what must stay. The
    strongest erasure that surely keeps within every limit on select is taken, if the judgement gap surely fell there.
    """
    nothing = Outcome(Repair(), None, {}, {}, [])
    items = items_for(task)
    if not pairs(task.choose.cells) or not any(item.kind == "judged" for item in items):
        return nothing  # no judgement word is one token here, or no groups are compared
    seen = swept(task, items)
    strength, choices = plan.strength, [{**row, "chosen": row["strength"] == plan.strength} for row in plan.front]
    edits = _Edits(task, plan, seen, items)
    if strength is None:
        strength, choices = _chosen(task, plan, edits)
    if strength is None:
        return Outcome(Repair(), None, {}, {}, choices)
    erasure = _erasure(plan, strength)
    made = edits.of(strength)
    if not plan.alternatives:
        return Outcome(made, erasure, {}, {}, choices)
    priced = prices(task.model, seen, items, erasure, made.patch)
    return Outcome(
        made, erasure, {"heads": {"rows": priced.rows()}}, dict(priced.reliability), choices,
        otherwise(task, seen, items, erasure, made, plan.seed),
        settled={"whole heads, first-order": str(priced)},
    )  # fmt: skip


def otherwise(
    task: Task, seen: Seen, items: list[Item], erasure: Erasure, made: Repair, seed: int
) -> dict[str, Repair]:
    """Return what the report compares an edit with.

    As much erased for every reader instead of those that judge (one-sided erasure, within the same terms of what must
    stay), and an edit of the same size and rank in random directions.
    """
    alike = replace(erasure, broad=_ALIKE, strength=erasure.strength * (1 + erasure.broad) / (1 + _ALIKE))
    return {
        "one-sided erasure": erased(task, seen, items, alike),
        "random directions": Repair(patch=shuffled(task.model, made.patch, seed, task.run.rested)),
    }


class _Edits:
    """The edits of a plan's strengths: made with the next stronger one, which is asked next mostly."""

    def __init__(self, task: Task, plan: Plan, seen: Seen, items: list[Item]) -> None:
        self._task, self._plan, self._seen, self._items = task, plan, seen, items
        self._made: dict[float, Repair] = {}

    def of(self, strength: float) -> Repair:
        """Return the edit of this strength."""
        if strength not in self._made:
            asked = self._near(strength)
            bar = self._task.progress(f"erasing, strength {', '.join(f'{s:g}' for s in asked)}", len(self._seen))
            erasure = _erasure(self._plan, strength)
            rested = self._task.run.rested
            patches = erase_each(self._task.model, self._seen, self._items, erasure, asked, bar, rested=rested)
            self._made |= {s: Repair(patch=patch) for s, patch in zip(asked, patches, strict=True)}
        return self._made[strength]

    def _near(self, strength: float) -> list[float]:
        """Return it, and the next stronger one if that is not made yet; it alone where nothing is searched."""
        known = self._plan.erasures
        if self._plan.strength is not None or strength not in known:
            return [strength]
        at = known.index(strength)
        return [s for s in known[at : at + 2] if s not in self._made]


def _chosen(task: Task, plan: Plan, edits: _Edits) -> tuple[float | None, list[dict[str, Any]]]:
    """Return the strength that select allows and that surely helps there, None where none does, and all choices."""
    bench = Bench(task, limits_of(plan.keep, plan.budget), whole=plan.whole_front)
    tried: dict[int, Tried] = {}

    def burden(place: int) -> float:
        strength = plan.erasures[place]
        found = bench.tried(strength, lambda: edits.of(strength))
        if found is None:
            return float("inf")
        tried[place] = found
        return found.burden

    near = max(sum(strength <= _FIRST for strength in plan.erasures) - 1, 0)
    place = strongest(burden, near, plan.erasures)
    for other in range(len(plan.erasures)) if plan.whole_front else ():
        if other not in tried:
            burden(other)
    chosen = tried[place] if place is not None and tried[place].helps else None
    return (chosen.strength if chosen else None), [tried[at].entry(tried[at] is chosen) for at in sorted(tried)]


def _erasure(plan: Plan, strength: float) -> Erasure:
    return Erasure(strength, also=_ALSO if plan.also else 0.0)


def items_for(task: Task) -> list[Item]:
    """Return what the sweep of a task reads: nothing that judges where no word of search is one token."""
    words, ground = lexicon(task.tokenizer, "search"), task.fit
    if not words.only(ground.dimensions).words:
        return []
    window, dimensions = context_window(task.model), ground.dimensions
    return items_of(task.tokenizer, ground.cells, ground.traits, ground.choices, words, window, dimensions)


def swept(task: Task, items: list[Item]) -> Seen:
    """Return what the sweep saw of the task's model, measured once a model and items: contexts share a model."""

    def compute() -> Iterator[tuple[str, dict[str, Any]]]:
        bar = task.progress("what judgements read", sweep_tokens(items, task.fit_text))
        with task.of_model.scratch(sweep_bytes(task.model, items)) as scratch:
            for key, reads in sweep(task.model, items, task.fit_text, bar, scratch):
                yield names[key], vars(reads)

    places = (site for site in sites(task.model) if site.kind == "head")
    names: dict[Key, str] = {(site.layer, site.kind): f"{site.layer}_{site.kind}" for site in places}
    mark = digest(task.fit.dimensions, *(item.ids for item in items))
    parts = task.of_model.parts(f"erasure_{mark}", list(names.values()), compute)
    return Seen(names, lambda key: Reads.of(parts[names[key]]))


def erased(task: Task, seen: Seen, items: list[Item], erasure: Erasure) -> Repair:
    """Return the edit of this strength."""
    bar = task.progress(f"erasing, strength {erasure.strength:g}", len(seen))
    return Repair(patch=erase(task.model, seen, items, erasure, bar, rested=task.run.rested))


TWO_SIDED = Method(
    "two_sided",
    two_sided,
    "two-sided erasure, the default of fairhub",
    "One sweep over search prompts measures how a group's name moves what attention passes on, which directions "
    "judgement words read, and what meaning, recall, merit and neutral text read. The part of the attention's "
    "output weights that maps the first onto the second, and is not read by the third, is taken out in closed "
    "form, in every layer. How much is decided on select prompts, within a limit on everything that must stay.",
    ("belrose2023leace",),
    heavy=True,
    erases=True,
)
