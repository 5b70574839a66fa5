"""Tiny models whose bias is known: one head carries it all (and another all that controls differ in), or none does."""

import copy
import random
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel, PreTrainedTokenizerFast

from fairhub.data import Sizes
from fairhub.loading import Loaded
from fairhub.methods import Plan
from fairhub.probes import CONTROL, Probe, templates, vignettes
from fairhub.surgery import Unit

PLANTED = Unit(1, "head", 2)
"""The head that carries what demographic terms say to the last position."""
INNOCENT = Unit(1, "head", 0)
"""The head that carries what control terms say."""
SIZES = Sizes(
    search=72, screen=64, sample=24, select=64, held_out=64, external=48, control=48, compared=24, control_chunks=4,
    search_tokens=4096, select_tokens=2048, held_out_tokens=2048,
)  # fmt: skip
PLAN = Plan(budget=0.5, exchange=1.0, heads=4, neurons=2, steps=200, real_steps=4)
HIDDEN, HEADS, LAYERS = 64, 4, 2
_WIDTH = HIDDEN // HEADS
_WORD = re.compile(r"\w+|[^\w\s]+")


@cache
def shipped() -> tuple[Probe, ...]:
    return (*templates(), *vignettes())


@cache
def words() -> tuple[str, ...]:
    return tuple(sorted({word for p in shipped() for text in (p.text_a, p.text_b) for word in _WORD.findall(text)}))


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """One token a word of the shipped probes; 0, 1 and 2 are special."""
    vocabulary = {word: i for i, word in enumerate(("<pad>", "<eos>", "<unk>", *words()))}
    by_word = Tokenizer(models.WordLevel(vocab=vocabulary, unk_token="<unk>"))
    by_word.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=by_word, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )  # fmt: skip


def planted_model() -> PreTrainedModel:
    """A Llama whose last position learns of demographic terms through PLANTED alone."""
    return copy.deepcopy(_planted())


def fair_model() -> PreTrainedModel:
    """The same, but nothing of earlier tokens reaches the last position: texts that end alike are continued alike."""
    model = planted_model()
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
    return model


@cache
def _planted() -> PreTrainedModel:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer()), hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_key_value_heads=HEADS, intermediate_size=96, max_position_embeddings=512, initializer_range=0.1,
        tie_word_embeddings=False, pad_token_id=0, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    embedding = model.get_input_embeddings().weight
    who, other, rest = slice(0, 24), slice(24, 48), slice(48, HIDDEN)  # what each part of the embedding tells
    demographic = _rows(_differing(p for p in shipped() if p.axis != CONTROL))
    said = {word for p in shipped() if p.axis != CONTROL for word in _WORD.findall(f"{p.text_a} {p.text_b}")}
    control = _rows(_differing(p for p in shipped() if p.axis == CONTROL) - said)  # of these, demographic texts lack
    with torch.no_grad():
        embedding.zero_()
        embedding[:, rest].normal_()
        for rows, part in ((demographic, who), (control, other)):
            embedding[rows, rest] = 0
            embedding[rows, part] = 1.5 * torch.randn(len(rows), 24)
        for number, layer in enumerate(model.model.layers):
            attention = layer.self_attn
            for projection in (attention.q_proj, attention.k_proj):
                projection.weight *= 0.1  # attention nearly uniform
            attention.v_proj.weight[:, : rest.start] = 0  # the other heads see only what is no term
            attention.o_proj.weight *= 0.2
            layer.mlp.down_proj.weight *= 0.2  # keeps the parts of the embedding apart
            if number == PLANTED.layer:
                for unit, part in ((PLANTED, who), (INNOCENT, other)):
                    rows = slice(unit.index * _WIDTH, (unit.index + 1) * _WIDTH)
                    attention.v_proj.weight[rows] = 0
                    attention.v_proj.weight[rows, part] = 0.5 * torch.randn(_WIDTH, 24)
                    attention.o_proj.weight[:, rows] = 0.4 * torch.randn(HIDDEN, _WIDTH)
    return model


def _differing(probes: Iterable[Probe]) -> set[str]:
    found: set[str] = set()
    for p in probes:
        found |= set(_WORD.findall(p.term_a)) ^ set(_WORD.findall(p.term_b))
    return found


def _rows(found: set[str]) -> list[int]:
    vocabulary = tokenizer().get_vocab()
    return sorted(vocabulary[word] for word in found if word in vocabulary)


def loaded(model: PreTrainedModel) -> Loaded:
    return Loaded(model, tokenizer(), "tests/planted", "local")


def save(model: PreTrainedModel, folder: Path) -> Path:
    """Write a folder that the command line takes for a model."""
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def write_text(path: Path, documents: int = 300, seed: int = 0) -> Path:
    """Write seeded nonsense in the model's own words, a document a paragraph."""
    rng = random.Random(seed)
    plain = [word for word in words() if word.isalpha()]
    path.write_text("\n\n".join(" ".join(rng.choices(plain, k=60)) for _ in range(documents)))
    return path
