"""Gathers everything that a run measures on, once: probes by split, text by split, and where each came from."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from fairhub.errors import UserError, one_of
from fairhub.inputs import keep
from fairhub.inputs import text as text_
from fairhub.inputs.data import Data, Ground
from fairhub.inputs.groups import OWN, Term, described
from fairhub.inputs.groups import cells as group_cells
from fairhub.inputs.groups import people as group_people
from fairhub.inputs.groups import probes as group_probes
from fairhub.inputs.judgement import cells as cells_
from fairhub.inputs.judgement import lexicon
from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.external import holistic_cells
from fairhub.inputs.judgement.public_rows import bbq_cells, name_prompt_cells
from fairhub.inputs.judgement.scope import EVERYTHING, Scope, among, refuse_scope
from fairhub.inputs.keep import Choice, items
from fairhub.inputs.probes import (
    AXES,
    CONTEXTS,
    CONTROL,
    Probe,
    Split,
    crows_pairs,
    holistic_bias,
    provenance,
    read_probes,
    refuse_alike,
    stratified,
    templates,
    vignettes,
)
from fairhub.inputs.sizes import Sizes


def gather(
    axes: Sequence[str], contexts: Sequence[str], own: Path | None, text: Path | None,
    tokenizer: PreTrainedTokenizerBase, sizes: Sizes, pinned: Sequence[Mapping[str, str]] = (),
    proved: Sequence[str] = (), rows: Path | None = None, scope: Scope = EVERYTHING, terms: Sequence[Term] = (),
) -> Data:  # fmt: skip
    """Collect what a run needs.

    Args:
        axes: Only these axes (and control) in search and select; empty for all. The proof shows what spills over
            to the others.
        contexts: Only these contexts in search and select; the proof stays as wide as it is.
        own: The user's own probes, used beside the shipped ones.
        text: The user's own neutral text.
        tokenizer: Turns text into token ids.
        sizes: How much of each to take.
        pinned: The data entries of an earlier report, whose sources are to be taken again.
        proved: Only these axes (and control) in the proof; empty for all.
        rows: A folder with rows of benchmarks; of BBQ and of the public name prompts judgements are read too.
        scope: Only these groups and dimensions in search and select, where judgements are read.
        terms: Of the user's own groups, an axis beside the others.

    Raises:
        UserError: An unknown axis, context, group or dimension, a split left without probes, or too little text.
    """
    mine = _of_user(own, terms)
    probes = known_probes(axes, contexts, mine)
    refuse_alike(mine, lambda said: tokenizer(said)["input_ids"])
    search, select = _searched(axes, contexts, probes, sizes)
    proof, sources = _proof(axes, proved, probes, sizes)
    documents = text_.documents(text, pinned=next((one for one in pinned if one["name"] in text_.SOURCES), None))
    parts = text_.split_documents(documents)
    chunks = _chunks(tokenizer, parts, sizes)
    near = partial(_cells, axes, contexts, probes, terms, scope.groups)
    return Data(
        search=search,
        select=select,
        near=(_split(search, "search", sizes.compared, 28), _split(select, "select", sizes.compared, 28)),
        proof=proof,
        control_proof=_split(proof[0], "held_out", sizes.compared, 28),
        judged=_judged(near, proved, probes, terms, sizes, rows),
        traits=_traits("held_out", sizes.traits),
        choices=_choices("held_out", sizes.choices, terms),
        passages=tuple(keep.passages(parts["held_out"], sizes.passages)),
        fit=_fit(_fitted(near, sizes), search, scope, terms, sizes),
        choose=_choose(near("select", sizes.chosen), scope, terms, parts["select"], sizes),
        text={split: found.ids for split, found in chunks.items()},
        documents={split: found.documents for split, found in chunks.items()},
        provenance=(_shipped(), *sources, *([_file(own)] if own else []), *_told(terms), documents.provenance),
        sizes=sizes,
    )


def _proof(
    axes: Sequence[str], proved: Sequence[str], probes: Sequence[Probe], sizes: Sizes
) -> tuple[tuple[tuple[Probe, ...], ...], list[dict[str, str]]]:
    """Return the probes of held_out, and external ones where there are any, with the provenance of public sources."""
    count = sizes.held_out * (2 if axes and not proved else 1)
    held_out = _split(_on(proved, probes), "held_out", count, sizes.control)
    external, sources = _external(proved, sizes)
    return ((held_out, external) if external else (held_out,)), sources


def _chunks(
    tokenizer: PreTrainedTokenizerBase, parts: Mapping[Split, Sequence[str]], sizes: Sizes
) -> dict[Split, text_.Chunks]:
    """Return the chunks of every split; select and held_out need two documents, as one says nothing about others."""
    tokens: dict[Split, int] = {
        "search": sizes.search_tokens, "select": sizes.select_tokens, "held_out": sizes.held_out_tokens,
    }  # fmt: skip
    found = {s: text_.chunks(tokenizer, parts[s], count, least=1024, split=s) for s, count in tokens.items()}
    for split in ("select", "held_out"):
        if len(set(found[split].documents)) < 2:
            raise UserError(f"an interval needs 2 documents of text; {split} has 1 that fills a chunk; add documents")
    return found


def _fitted(near: Callable[..., tuple[Cell, ...]], sizes: Sizes) -> tuple[Cell, ...]:
    """Return the cells of search that an erasure is fitted on, those of its wider terms last."""
    return (*near("search", sizes.fitted), *near("search", sizes.fitted_wide, wide=True))


def _fit(cells: tuple[Cell, ...], search: Sequence[Probe], scope: Scope, terms: Sequence[Term], sizes: Sizes) -> Ground:
    """Return what an erasure is fitted on, of search: control pairs are among the traits that must stay."""
    control = stratified((p for p in search if p.axis == CONTROL), sizes.fitted_control)
    traits, choices = _traits("search", sizes.fitted_traits), _choices("search", sizes.fitted_choices, terms)
    return Ground(cells, (*traits, *cells_.of_control(control)), choices, dimensions=scope.dimensions)


def _choose(
    cells: tuple[Cell, ...], scope: Scope, terms: Sequence[Term], documents: Sequence[str], sizes: Sizes
) -> Ground:
    """Return what its strength is chosen on, of select."""
    traits, choices = _traits("select", sizes.chosen_traits), _choices("select", sizes.chosen_choices, terms)
    return Ground(cells, traits, choices, tuple(keep.passages(documents, sizes.chosen_passages)), scope.dimensions)


def _traits(split: Split, count: int) -> tuple[Cell, ...]:
    return tuple(cell for family in keep.TRAITS for cell in keep.trait_cells(family, split, count))


def _choices(split: Split, count: int, terms: Sequence[Term]) -> tuple[Choice, ...]:
    """Return items of meaning and recall; of names of one's own groups as many as of an axis that has names."""
    shipped = (choice for family in ("meaning", "recall") for choice in keep.choices(family, split, count))
    return (*shipped, *keep.recalled(group_people(terms, split), split, count // _NAMED))


_NAMED = 4
"""Shipped axes that have names of people."""


def _judged(
    near: Callable[[Split, int], tuple[Cell, ...]], proved: Sequence[str], probes: Sequence[Probe],
    terms: Sequence[Term], sizes: Sizes, rows: Path | None,
) -> tuple[tuple[Cell, ...], ...]:  # fmt: skip
    """Return the cells of search and select (`near`: of what was asked), held_out and external."""
    external = holistic_cells(None, sizes.judged // 2, proved)
    if rows is not None:
        external += bbq_cells(rows, sizes.judged // 2, proved) + name_prompt_cells(rows, sizes.judged // 2, proved)
    found = (
        near("search", sizes.judged_near),
        near("select", sizes.judged_near),
        _cells(proved, (), probes, terms, (), "held_out", sizes.judged),
        tuple(sorted(external, key=lambda cell: cell.axis)),
    )
    return tuple(part for part in found if cells_.pairs(part))


def _cells(
    axes: Sequence[str], contexts: Sequence[str], probes: Sequence[Probe], terms: Sequence[Term],
    groups: Sequence[str], split: Split, texts: int, wide: bool = False,
) -> tuple[Cell, ...]:  # fmt: skip
    """Return cells of the shipped terms, of the user's own probes and groups, those of an axis next to each other."""
    own = [p for p in probes if p.source != "templates" and p.split == split and (not axes or p.axis in axes)]
    cells = [*cells_.shipped(split, texts, axes, groups, wide), *(() if wide else among(cells_.of_probes(own), groups))]
    cells += group_cells(terms, split, texts, groups, wide) if not axes or OWN in axes else ()
    return tuple(sorted((c for c in cells if not contexts or c.context in contexts), key=lambda cell: cell.axis))


def known_probes(axes: Sequence[str], contexts: Sequence[str], own: Sequence[Probe]) -> list[Probe]:
    """Return the shipped probes and the user's own, of all axes and contexts.

    Raises:
        UserError: One of these axes or contexts is unknown.
    """
    probes = [*templates(), *own]
    for axis in axes:
        one_of("an axis", axis, sorted(({p.axis for p in probes} | set(AXES)) - {CONTROL}))
    for context in contexts:
        one_of("a context", context, sorted(({p.context for p in probes} | set(CONTEXTS)) - {CONTROL}))
    return probes


def refuse_asked(
    axes: Sequence[str], contexts: Sequence[str], own: Path | None, scope: Scope = EVERYTHING,
    terms: Sequence[Term] = (),
) -> None:  # fmt: skip
    """Refuse what no search could look at.

    Raises:
        UserError: An axis, context, group or dimension is unknown, or the user's probes cannot be read.
    """
    probes = known_probes(axes, contexts, _of_user(own, terms))
    every = partial(_cells, axes, contexts, probes, terms, ())
    refuse_scope(scope, [cell for split in _CHOOSING for cell in every(split, 1 << 30)] if scope.groups else ())


_CHOOSING: tuple[Split, ...] = ("search", "select")


def _of_user(own: Path | None, terms: Sequence[Term]) -> list[Probe]:
    """Return the probes of a user's own file, and those of the shipped templates with the user's own groups."""
    return [*(read_probes(own) if own else ()), *group_probes(terms)]


def _searched(
    axes: Sequence[str], contexts: Sequence[str], probes: Sequence[Probe], sizes: Sizes
) -> tuple[tuple[Probe, ...], tuple[Probe, ...]]:
    """Return the probes of search and of select."""
    among = [p for p in _on(axes, probes) if not contexts or p.context in contexts]
    search = _split(among, "search", sizes.search, sizes.kept)
    return search, _split(among, "select", sizes.select, sizes.control)


def _on(axes: Sequence[str], probes: Sequence[Probe]) -> list[Probe]:
    return [p for p in probes if not axes or p.axis in (*axes, CONTROL)]


def _split(probes: Sequence[Probe], split: Split, count: int, control: int) -> tuple[Probe, ...]:
    """Return people and control probes of a split, stratified by axis, templates in turn."""
    of_split = [p for p in probes if p.split == split]
    people = stratified((p for p in of_split if p.axis != CONTROL), count)
    if not people:
        raise UserError(f"each split needs probes; {split} has none for these axes and contexts; ask for more of them")
    return (*people, *stratified((p for p in of_split if p.axis == CONTROL), control))


def _external(axes: Sequence[str], sizes: Sizes) -> tuple[tuple[Probe, ...], list[dict[str, str]]]:
    """Return the external probes and the provenance of their public sources."""
    sources = {"holistic_bias": holistic_bias(), "crows_pairs": crows_pairs()}
    probes = vignettes() + [p for found in sources.values() for p in found]
    wanted = [p for p in probes if not axes or p.axis in axes]
    people = [p for p in wanted if p.axis != CONTROL]
    control = stratified((p for p in probes if p.axis == CONTROL), sizes.control)
    chosen = stratified(people, sizes.external, key=lambda p: f"{p.source}|{p.axis}")
    return (*chosen, *control) if chosen else (), [provenance(name) for name, found in sources.items() if found]


_FILES = (
    "templates.jsonl", "terms.jsonl", "vignettes.jsonl", cells_.FIT_TEMPLATES, cells_.FIT_TERMS, lexicon.FILE,
    items.TEMPLATES, items.TERMS,
)  # fmt: skip
"""What figures are measured on and edits are fitted on."""


def _shipped() -> dict[str, str]:
    sha = hashlib.sha256(b"".join((resources.files("fairhub") / "data" / name).read_bytes() for name in _FILES))
    return {"name": "fairhub probes", "revision": "1", "sha256": sha.hexdigest(), "licence": "Apache-2.0"}


def _file(path: Path) -> dict[str, str]:
    sha = hashlib.sha256(path.read_bytes())
    return {"name": path.name, "revision": "local", "sha256": sha.hexdigest(), "licence": "the user's own"}


def _told(terms: Sequence[Term]) -> list[dict[str, str]]:
    """Return what a record says of own groups: the terms themselves are among its settings."""
    if not terms:
        return []
    sha = hashlib.sha256(json.dumps([[t.group, t.term, t.form] for t in terms]).encode())
    return [
        {"name": "own groups", "revision": described(terms), "sha256": sha.hexdigest(),
         "licence": "the user's own"}
    ]  # fmt: skip
