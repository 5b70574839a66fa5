"""The ground: contexts to repair on and to measure in, from name prompts, shipped probes or a user's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from fairhub.errors import UserError
from fairhub.inputs.data import Data
from fairhub.inputs.gathering import gather
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.inputs.probes import CONTROL, Probe, Split, read_probes, stratified, templates
from fairhub.inputs.sizes import Sizes
from fairhub.measure.names.dialogue import dialogue_of
from fairhub.measure.names.prompts import PUBLISHED, NamePrompt, shipped
from fairhub.studies.transfer.judged import JudgedRuler, held_out_cells, measurable
from fairhub.studies.transfer.rulers import NameRuler, PairRuler, Ruler

SIZES = Sizes(
    search=36, screen=36, sample=9, select=16, held_out=32, external=16, control=16, kept=32, compared=8,
    control_chunks=2, search_tokens=6_144, select_tokens=4_096, held_out_tokens=2_048, fitted=224, fitted_wide=288,
    chosen=192, fitted_tokens=6_144,
)  # fmt: skip
"""Small searches: a matrix has dozens of them. Texts that judge are of all contexts, of which a row takes its own.
What is searched is scored whole, so that rows share the pairs of a context. Text of select is not small: a budget of
2 % cannot be told from 5 % on eight chunks, and nothing would ever be affordable; on sixteen it can."""
USED = ("hiring", "lending", "housing", "health")
"""The contexts of shipped pairs that are taken where none are asked for: a matrix grows with the square."""
_QUESTIONS = 2
"""Items of a scenario that are measured, and searched, at most."""
_NAMES = 3
"""Names of each race and gender."""


Key = Callable[[NamePrompt], str]


@dataclass(frozen=True, eq=False)
class Ground:
    """What there is to repair on and to measure in."""

    contexts: tuple[str, ...]
    probes: tuple[Probe, ...]
    """Pairs of search and select, each in its context."""
    base: Data
    """Neutral text and control probes, the same for every row."""
    ruler: Ruler

    def data(self, contexts: Sequence[str]) -> Data:
        """Return what a repair for these contexts may see."""
        sizes = self.base.sizes

        def part(split: str, count: int, known: Sequence[Probe]) -> tuple[Probe, ...]:
            mine = (p for p in self.probes if p.split == split and p.context in contexts)
            control = (p for p in known if p.axis == CONTROL)
            return (*stratified(mine, count, lambda p: p.context), *control)

        return replace(
            self.base, search=part("search", sizes.search, self.base.search),
            select=part("select", sizes.select, self.base.select),
            fit=self.base.fit.within(contexts), choose=self.base.choose.within(contexts),
        )  # fmt: skip


def of_names(
    tokenizer: PreTrainedTokenizerBase, contexts: Sequence[str], text: Path | None, *, items: bool = False,
    axes: Sequence[str] = (),
) -> Ground:  # fmt: skip
    """Return the ground of name prompts: scenarios as contexts, or with `items` the items of one scenario.

    Repairs see search and select names; what is measured are held-out names. They are compared by race, or by the one
    axis that is asked for.

    Raises:
        UserError: Items of several scenarios, several axes or one that names do not have.
    """
    if tuple(axes) not in ((), ("race",), ("gender",)):
        raise UserError(f"names are compared by race or by gender; got {', '.join(axes)}; mend --axis")
    axis = axes[0] if axes else "race"
    asked = tuple(contexts) or PUBLISHED
    if items and len(asked) != 1:
        raise UserError(f"items are those of 1 scenario; got {len(asked)}; name one with --context")
    questions = shipped(asked, splits=("search", "select", "held_out"))
    kept = _first(questions, lambda p: p.scenario, lambda p: p.item, 99 if items else _QUESTIONS)
    kept = [p for p in kept if _place(p, questions) < _NAMES]

    def context(p: NamePrompt) -> str:
        return p.item if items else p.scenario

    measured = [p for p in kept if p.split == "held_out"]
    return Ground(
        tuple(dict.fromkeys(context(p) for p in kept)),
        tuple(replace(probe, context=context(p)) for p, probe in _pairs(tokenizer, kept, axis)),
        gather((), (), None, text, tokenizer, SIZES),
        NameRuler(measured, [context(p) for p in measured], axis),
    )


def of_probes(
    tokenizer: PreTrainedTokenizerBase, contexts: Sequence[str], own: Path | None, text: Path | None,
    axes: Sequence[str] = (), figure: str = "",
) -> Ground:  # fmt: skip
    """Return the ground of pairs: the shipped ones, or a user's own alone, of these axes (all).

    Args:
        tokenizer: Of the model.
        contexts: To repair on and to measure in; empty takes the usual ones, or all of a user's own.
        own: The user's own pairs.
        text: Neutral text of the user's own.
        axes: Only these; empty for all.
        figure: `judgement` or `divergence`; empty takes who is judged worse where that can be read in every context (of
            shipped texts, by words that are one token), else the divergence of pairs.

    Raises:
        UserError: Fewer than two contexts have pairs in search, select and held_out, or what is asked cannot be read.
    """
    if figure not in ("", "judgement", "divergence"):
        raise UserError(f"a matrix is of judgement or divergence; got {figure!r}; mend --figure")
    contexts = contexts or (() if own else USED)
    every = read_probes(own) if own else templates()
    probes = [p for p in every if p.axis != CONTROL and (not axes or p.axis in axes)]
    if there := sorted(set(axes) - {p.axis for p in probes}):
        raise UserError(f"an axis of transfer must have pairs; {there[0]!r} has none; mend --axis")
    known = [c for c in dict.fromkeys(p.context for p in probes) if not contexts or c in contexts]
    usable = tuple(c for c in known if _complete([p for p in probes if p.context == c]))
    if len(usable) < 2 or len(usable) < len(contexts):
        raise UserError(
            f"transfer needs 2 contexts with pairs in search, select and held_out; got {', '.join(usable) or 'none'}; "
            "add pairs (a pair's split follows from its frame)"
        )
    base, words = gather((), (), None, text, tokenizer, SIZES), lexicon(tokenizer, "held_out")
    cells = () if own or figure == "divergence" else held_out_cells(usable, axes)
    if measurable(cells, words, usable):
        return Ground(usable, tuple(probes), base, JudgedRuler(cells, words))
    if figure == "judgement":
        raise UserError(
            "who is judged worse is read of shipped texts in every context, by words that are one token; here it "
            "cannot be; use --figure divergence"
        )
    measured = stratified((p for p in probes if p.split == "held_out" and p.context in usable),
                          24 * len(usable), lambda p: p.context)  # fmt: skip
    return Ground(usable, tuple(probes), base, PairRuler(measured))


def _complete(probes: Sequence[Probe]) -> bool:
    templates_ = {split: {p.template for p in probes if p.split == split} for split in ("search", "select", "held_out")}
    return bool(templates_["search"] and templates_["select"]) and len(templates_["held_out"]) > 1


def _pairs(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[NamePrompt], axis: str
) -> list[tuple[NamePrompt, Probe]]:
    """Return pairs of a question about two names of one split that differ in the axis, up to where the number begins.

    Both are of one gender where they differ in race, and of one race where they differ in gender.
    """
    other = {"race": "gender", "gender": "race"}[axis]
    dialogue = dialogue_of(tokenizer)

    def begun(p: NamePrompt) -> str:
        return (dialogue.asked(p.text) + dialogue.lead + p.answer.partition("{}")[0]).rstrip(" ")

    sides: dict[tuple[str, str, Split], dict[str, list[NamePrompt]]] = {}
    for p in prompts:
        if p.split != "held_out":
            sides.setdefault((p.question, getattr(p, other), p.split), {}).setdefault(getattr(p, axis), []).append(p)
    return [
        (a, Probe(
            begun(a), begun(b), axis=axis, context=a.scenario, template=f"{question}|{a.name}|{b.name}",
            frame=question, source="names", group_a=getattr(a, axis), group_b=getattr(b, axis), term_a=a.name,
            term_b=b.name, split=split,
        ))
        for (question, _, split), groups in sides.items()
        for a, b in zip(*(groups[name] for name in sorted(groups)), strict=True)
    ]  # fmt: skip


def _first(prompts: Sequence[NamePrompt], outer: Key, inner: Key, count: int) -> list[NamePrompt]:
    """Return the prompts of the first `count` inner keys of every outer one."""
    kept: dict[str, list[str]] = {}
    for p in prompts:
        if inner(p) not in kept.setdefault(outer(p), []):
            kept[outer(p)].append(inner(p))
    return [p for p in prompts if inner(p) in kept[outer(p)][:count]]


def _place(prompt: NamePrompt, among: Sequence[NamePrompt]) -> int:
    """Return which name of its race, gender and split it is."""
    alike = [
        p.name for p in among
        if (p.question, p.race, p.gender, p.split) == (prompt.question, prompt.race, prompt.gender, prompt.split)
    ]  # fmt: skip
    return alike.index(prompt.name)
