"""Tiny models whose bias is known: one head carries it all (and another all that controls differ in), or none does."""

import copy
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import torch
from planting import cut_, plant_
from tiny import ARCHITECTURES
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.cells import shipped as shipped_cells
from fairhub.inputs.judgement.lexicon import words as judgement_words
from fairhub.inputs.probes import CONTROL, Probe, Split, templates, vignettes
from fairhub.inputs.sizes import Sizes
from fairhub.methods import Plan
from fairhub.model.architecture import sites
from fairhub.model.loading import Loaded
from fairhub.model.units import Unit

PLANTED = Unit(1, "head", 2)
"""The head that carries what demographic terms say to the last position."""
INNOCENT = Unit(1, "head", 0)
"""The head that carries what control terms say."""
SIZES = Sizes(
    search=72, screen=64, sample=24, select=64, held_out=64, external=48, control=48, compared=24, control_chunks=4,
    search_tokens=4096, select_tokens=2048, held_out_tokens=2048, judged=24, judged_near=12, traits=24, choices=24,
    passages=8, fitted=32, fitted_wide=24, fitted_traits=24, fitted_control=12, fitted_choices=24, fitted_tokens=1024,
    chosen=48, chosen_traits=24, chosen_choices=24, chosen_passages=8,
)  # fmt: skip
TRANSFER_SIZES = replace(
    SIZES, search=8, screen=8, sample=4, select=8, kept=4, control=4, search_tokens=1024, select_tokens=1024,
    held_out_tokens=1024,
)  # fmt: skip
PLAN = Plan(budget=0.5, exchange=1.0, heads=4, neurons=2, steps=200, real_steps=4)
_WORD = re.compile(r"\w+|[^\w\s]+")


@cache
def shipped() -> tuple[Probe, ...]:
    return (*templates(), *vignettes())


@cache
def aligned() -> tuple[Probe, ...]:
    """Those shipped probes whose two texts differ in as many words at the same places, not in the last, nor a or an.

    On these the planted path is all there is: no position and no share of attention depends on the term.
    """
    return tuple(p for p in shipped() if _aligned(p.text_a, p.text_b))


def aligned_cells(split: Split, texts: int, axes: Sequence[str] = ()) -> list[Cell]:
    """Cells of shipped templates and terms, about so many texts an axis, whose texts are as alike in pairs."""
    return [
        cell
        for axis in sorted(axes)
        for cell in [c for c in shipped_cells(split, 10 * texts, [axis]) if _all_aligned(c)][: texts // 2]
    ]


def _all_aligned(cell: Cell) -> bool:
    return all(_aligned(a, b) for (_, a), (_, b) in combinations(cell.texts, 2))


def _aligned(*texts: str) -> bool:
    a, b = (_WORD.findall(text) for text in texts)
    differing = {word.lower() for pair in zip(a, b, strict=False) if len(set(pair)) == 2 for word in pair}
    return len(a) == len(b) and a[-1] == b[-1] and not differing & {"a", "an"}


@cache
def words() -> tuple[str, ...]:
    said = {word for p in shipped() for text in (p.text_a, p.text_b) for word in _WORD.findall(text)}
    return tuple(sorted(said | {word.word for word in judgement_words()}))


@cache
def tokenizer(more: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    """One token a word of the shipped probes, then of `more`; 0, 1 and 2 are special."""
    vocabulary = {word: i for i, word in enumerate(("<pad>", "<eos>", "<unk>", *words(), *more))}
    by_word = Tokenizer(models.WordLevel(vocab=vocabulary, unk_token="<unk>"))
    by_word.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=by_word, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )  # fmt: skip


def planted_model(name: str = "llama") -> PreTrainedModel:
    """A model whose last position learns of demographic terms through PLANTED alone."""
    return copy.deepcopy(_planted(name))


def fair_model(name: str = "llama") -> PreTrainedModel:
    """The same with that path cut: aligned texts are continued alike, whoever they speak of; all else is as it was."""
    model = planted_model(name)
    cut_(model, PLANTED)
    return model


def deaf_model() -> PreTrainedModel:
    """A Llama whose last position learns nothing of earlier tokens: any texts that end alike are continued alike."""
    model = planted_model()
    for site in sites(model):
        if site.kind == "head":
            site.weight.zero_()
    return model


@cache
def _planted(name: str) -> PreTrainedModel:
    wide = {"sliding_window": 64} if name in ("mistral", "gemma2", "gemma3") else {}
    wide |= {"window_size": 64} if name == "gpt_neo" else {}  # a probe fits the window, a chunk of text does not
    model = ARCHITECTURES[name](vocab_size=len(tokenizer()), **wide).requires_grad_(False)
    plant_(model, {PLANTED: [_rows(found) for found in groups()], INNOCENT: [[i] for i in _rows(terms()[INNOCENT])]},
           judging())  # fmt: skip
    return model


def telling(classes: Sequence[Sequence[str]], more: tuple[str, ...] = ()) -> PreTrainedModel:
    """A Llama whose last position learns of these words through PLANTED alone; those of one list say the same of it.

    With a list a word it reacts to every word, each in a way of its own: no group is meant. Of words that the shipped
    probes lack, its tokenizer has those of `more`.
    """
    model = ARCHITECTURES["llama"](vocab_size=len(tokenizer(more))).requires_grad_(False)
    plant_(model, {PLANTED: [_rows(set(said), more) for said in classes]}, judging())
    return model


MADE_UP = {"blickets": ("blicket", "tomex", "fep"), "daxes": ("dax", "wug", "zorp")}
"""Groups with terms that no shipped text has."""


def of_made_up() -> tuple[PreTrainedModel, tuple[str, ...]]:
    """A Llama that judges made-up groups apart and no other, and the words that its tokenizer has for them."""
    more = tuple(word for said in MADE_UP.values() for word in said)
    return telling(list(MADE_UP.values()), more), more


def judging() -> tuple[list[int], list[int]]:
    """Tokens of the judgement words that no shipped text says: negative ones, positive ones."""
    said = {word for p in shipped() for text in (p.text_a, p.text_b) for word in _WORD.findall(text)}
    sides = (({w.word for w in judgement_words() if w.side == side} - said) for side in ("negative", "positive"))
    negative, positive = (_rows(side) for side in sides)
    return negative, positive


@cache
def groups() -> tuple[set[str], ...]:
    """The words that PLANTED tells of, by the group whose terms say them most: they say the same of it."""
    counts: dict[str, Counter[tuple[str, str]]] = {}
    for p in shipped():
        if p.axis != CONTROL:
            a, b = (set(_WORD.findall(term)) for term in (p.term_a, p.term_b))
            for group, own in ((p.group_a, a - b), (p.group_b, b - a)):
                for word in own:
                    counts.setdefault(word, Counter())[p.axis, group] += 1
    found: dict[tuple[str, str], set[str]] = {}
    for word, count in sorted(counts.items()):
        found.setdefault(max(sorted(count), key=lambda group: count[group]), set()).add(word)
    return tuple(found[group] for group in sorted(found))


@cache
def terms() -> dict[Unit, set[str]]:
    """What PLANTED tells of, and what INNOCENT does: of the control terms, those that demographic texts lack."""
    demographic = _differing(p for p in shipped() if p.axis != CONTROL)
    said = {word for p in shipped() if p.axis != CONTROL for word in _WORD.findall(f"{p.text_a} {p.text_b}")}
    return {PLANTED: demographic, INNOCENT: _differing(p for p in shipped() if p.axis == CONTROL) - said}


def _differing(probes: Iterable[Probe]) -> set[str]:
    found: set[str] = set()
    for p in probes:
        found |= set(_WORD.findall(p.term_a)) ^ set(_WORD.findall(p.term_b))
    return found


def _rows(found: set[str], more: tuple[str, ...] = ()) -> list[int]:
    vocabulary = tokenizer(more).get_vocab()
    return sorted(vocabulary[word] for word in found if word in vocabulary)


def loaded(model: PreTrainedModel) -> Loaded:
    return Loaded(model, tokenizer(), "tests/planted", "local")


def save(model: PreTrainedModel, folder: Path, more: tuple[str, ...] = ()) -> Path:
    """Write a folder that the command line takes for a model, with `tokenizer(more)`."""
    model.save_pretrained(folder)
    tokenizer(more).save_pretrained(folder)
    return folder


def write_text(path: Path, documents: int = 300, seed: int = 0, without_terms: bool = False) -> Path:
    """Write seeded nonsense in the model's own words, a document a paragraph; demographic terms may be left out."""
    rng = random.Random(seed)
    left_out = terms()[PLANTED] if without_terms else set()
    plain = [word for word in words() if word.isalpha() and word not in left_out]
    path.write_text("\n\n".join(" ".join(rng.choices(plain, k=60)) for _ in range(documents)))
    return path


PAIR = (PLANTED, Unit(1, "head", 9))
"""Two heads of `paired_model` that carry what demographic terms say, each undoing what the other makes of it."""


def paired_model(seed: int = 0) -> PreTrainedModel:
    """A Llama of 32 heads whose last position learns of demographic terms through PAIR alone.

    Both write the same along half of the directions that are left to them, and the opposite along the other half:
    without one of the two that half of the other shows, so that removing either alone does next to nothing, and
    removing both ends it.
    """
    model = ARCHITECTURES["llama"](
        vocab_size=len(tokenizer()), num_attention_heads=16, num_key_value_heads=16, head_dim=8
    ).requires_grad_(False)  # fmt: skip
    torch.manual_seed(seed)
    plant_(model, {PLANTED: [_rows(found) for found in groups()]}, judging())
    attention = model.model.layers[1].self_attn
    queries, values = (part.weight.unflatten(0, (16, 8)) for part in (attention.q_proj, attention.v_proj))
    outputs = attention.o_proj.weight.unflatten(1, (16, 8))
    first, second = (unit.index for unit in PAIR)
    queries[second], values[second, :3] = 0, values[first, :3]
    shared, apart = (4 * torch.linalg.qr(torch.randn(4, 3))[0] for _ in range(2))
    outputs[24:28, first, :3] = outputs[24:28, second, :3] = shared
    outputs[28:32, first, :3], outputs[28:32, second, :3] = apart, -apart
    model.lm_head.weight[:, 24:28] *= 0.85
    return model
