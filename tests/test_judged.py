"""What models say of groups: a planted bias is surely there, what no group shares is not, and what is read is right."""

from dataclasses import replace
from functools import cache

import numpy as np
import planted
import pytest
import torch
from planted import PLANTED

from fairhub.compute.engine import Engine
from fairhub.edit.repair import Repair, applied
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.judgement.cells import Cell, shipped
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.inputs.probes import Probe
from fairhub.inputs.probes.shipped import fill, rows
from fairhub.measure.judgement import figures as figures_
from fairhub.measure.judgement import gaps, reading
from fairhub.measure.judgement.pairs import OF_PAIRS, of_pairs
from fairhub.model.units import Unit
from fairhub.report import find

REPAIRS = [Repair(), Repair(frozenset({PLANTED})), Repair(frozenset({Unit(0, "head", 1), Unit(1, "neuron", 3)}))]
SAID = lexicon(planted.tokenizer(), "held_out")


@cache
def terms():
    """Words that the planted path tells of, each alone in a term set of two groups that nobody knows of."""
    known = sorted(word for word in planted.terms()[PLANTED] if word.isalpha() and word.islower())
    chosen = [known[int(place)] for place in np.random.default_rng(0).permutation(len(known))[:48]]
    return chosen[:24], chosen[24:]


@cache
def own_cells():
    """Shipped sentences about the two groups, each with three term sets."""
    templates = [row for row in rows("templates.jsonl") if "{noun}" in row["text"] and "ends" in row]
    return tuple(
        Cell((("first", fill(row["text"], first)), ("second", fill(row["text"], second))), "own", row["context"],
             row["id"], row["frame"], first, row["ends"], "own", "held_out")
        for row, (first, second) in zip(3 * templates, 9 * list(zip(*terms(), strict=True)), strict=False)
    )  # fmt: skip


def judged(model, cells=None, repairs=REPAIRS[:1], after=None):
    read = reading.read(planted.loaded(model), cells or own_cells(), SAID, repairs)
    return figures_.figures(read[0], read[1] if len(read) > 1 else None, "held_out", True)


def held_out(found, name, axis="all"):
    return find(found, name, "held_out", axis)


# Laws on models of which it is known whom they judge.


def test_a_model_that_reacts_at_random_to_every_term_judges_no_group():
    found = judged(planted.telling([[word] for side in terms() for word in side]))
    for name in ("judgement", "systematic"):
        assert held_out(found, name).before.low < 0 < held_out(found, name).before.high, name
    assert held_out(found, "reaction").before.low > 0, "it does react"


def test_a_model_that_takes_all_terms_of_a_group_alike_does():
    restless, planted_ = (
        judged(planted.telling(classes)) for classes in ([[w] for side in terms() for w in side], terms())
    )
    for name in ("judgement", "systematic"):
        figure = held_out(planted_, name)
        assert figure.before.low > 0 and figure.before.value > 5 * abs(held_out(restless, name).before.value), name
    share = held_out(planted_, "systematic").before.value / held_out(planted_, "reaction").before.value
    assert 0.15 < share <= 1.0


def test_the_bias_of_the_planted_model_is_found_and_goes_with_its_head():
    cells = [cell for cell in shipped("held_out", 60) if cell.axis in ("gender", "race", "religion")]
    found = judged(planted.planted_model(), cells, REPAIRS[:2])
    for name in ("judgement", "systematic"):
        figure = held_out(found, name)
        assert figure.before.low > 0, name
        assert figure.change.high < 0 and figure.outcome == "better", name
    fair = judged(planted.fair_model(), cells)
    assert held_out(fair, "judgement").before.value < 0.2 * held_out(found, "judgement").before.value
    deaf = judged(planted.deaf_model())
    assert all(abs(held_out(deaf, name).before.value) < 1e-6 for name in ("judgement", "systematic", "reaction"))


def test_signed_gaps_say_who_is_judged_worse():
    found = judged(planted.telling(terms()))
    for dimension in SAID.dimensions:
        mine, others = (f for f in found if f.name == f"direction.{dimension}")
        assert (mine.groups, others.groups) == (("first", "others"), ("second", "others"))
        assert mine.before.value == pytest.approx(-others.before.value, rel=1e-4), "two groups mirror each other"
    (cell, *_), (read, *_) = (
        own_cells(),
        reading.read(planted.loaded(planted.telling(terms())), own_cells()[:2], SAID, [Repair()]),
    )  # noqa: E501
    columns = {side: SAID.columns("bad", side, cell.ends) for side in ("negative", "positive")}
    bad, good = (read.words[:, columns[side]].mean(1) for side in ("negative", "positive"))
    one = gaps.signed(gaps.difference(read, read.pairs[0])[:1], own_cells()[:1], gaps.Words.fixed(SAID, 1), "bad",
                      np.ones((1, 1), np.float32))  # fmt: skip
    assert one.value == pytest.approx((bad[0] - good[0]) - (bad[1] - good[1]), rel=1e-4)


def test_figures_over_all_axes_are_means_of_axes_and_those_of_means_of_pairs():
    cells = [cell for cell in shipped("held_out", 40) if cell.axis in ("gender", "religion")]
    (read,) = reading.read(planted.loaded(planted.planted_model()), cells, SAID, [Repair()])
    found = figures_.figures(read, None, "held_out", True)
    for name in ("judgement", "systematic", "reaction"):
        by_axis = [held_out(found, name, axis).before.value for axis in ("gender", "religion")]
        assert held_out(found, name).before.value == pytest.approx(np.mean(by_axis), rel=1e-5)
    squares = of_pairs(read, gaps.Words(SAID), gaps.cell_weights(cells))
    of_gender = [d.value for (n, _), d in squares["reaction"].items() if read.pairs[n].axis == "gender"]
    assert held_out(found, "reaction", "gender").before.value == pytest.approx(np.mean(of_gender), rel=1e-5)
    near = figures_.figures(read, None, "search", False, searched=["gender", "religion"])
    assert {(f.name, f.axis) for f in near} == {(n, a) for n in OF_PAIRS for a in ("gender", "religion")}
    assert {f.axis for f in figures_.figures(read, None, "search", False)} == {"all"}


def test_what_follows_from_the_meaning_of_a_group_is_no_judgement():
    cells = [cell for cell in shipped("held_out", 30) if cell.axis == "wealth"]
    found = judged(planted.planted_model(), cells)
    names = {f.name for f in found}
    assert {"direction.bad", "judgement.bad"} <= names
    assert not {"direction.poor", "judgement.poor", "direction.menial", "judgement.menial"} & names


def test_without_judgement_words_judgements_are_missing_and_all_else_is_measured(tokenizer):
    none = lexicon(tokenizer, "held_out")
    read = [replace(r, lexicon=none, words=r.words[:, :0]) for r in readings()]
    found = figures_.figures(read[0], read[1], "held_out", True)
    names = {figure.name for figure in found}
    assert names == set(OF_PAIRS) - {"judgement"}, "missing, and not 0"
    full = figures_.figures(*readings()[:2], "held_out", True)
    assert [f for f in full if f.name in names] == found


# What is read.


@cache
def readings():
    cells = [cell for cell in shipped("held_out", 12) if cell.axis in ("age", "gender")]
    return reading.read(planted.loaded(planted.planted_model()), cells, SAID, REPAIRS)


def test_readings_are_what_a_plain_forward_says():
    model = planted.planted_model()
    for repair, read in zip(REPAIRS, readings(), strict=True):
        texts = [text for cell in read.cells for _, text in cell.texts]
        with torch.inference_mode(), applied(model, repair):
            ids = [planted.tokenizer()(text, return_tensors="pt").input_ids for text in texts]
            log_p = torch.stack([model(one).logits[0, -1].log_softmax(-1) for one in ids]).double().numpy()
        np.testing.assert_allclose(read.words, log_p[:, list(SAID.ids)], atol=1e-5)
        roots = np.exp(log_p / 2)
        for pair, kernel in zip(read.pairs, read.kernels, strict=True):
            moved = (roots[list(pair.first)] - roots[list(pair.second)]) / 2**0.5
            np.testing.assert_allclose(kernel, moved @ moved.T, atol=1e-6)


def test_reaction_is_the_divergence_of_single_pairs_to_second_order():
    read, model = readings()[0], planted.planted_model()
    probes = [
        Probe(*(text for _, text in cell.texts[:2]), cell.axis, "c", cell.template, "f", "own", "a", "b", "x", "y",
              "held_out") for cell in read.cells
    ]  # fmt: skip
    shannon = Engine(model, probe_batches(planted.tokenizer(), probes)).values([frozenset()])[0]
    asked = [
        (kernel[at, at], shannon[place])
        for pair, kernel in zip(read.pairs, read.kernels, strict=True)
        for at, place in enumerate(pair.cells)
        if pair.groups == read.cells[place].groups[:2]
    ]
    assert len(asked) > 3
    for hellinger, divergence in asked:
        assert hellinger == pytest.approx(divergence, rel=0.05, abs=1e-6)


def test_readings_of_several_repairs_are_those_of_each_alone():
    loaded = planted.loaded(planted.planted_model())
    for number, repair in enumerate(REPAIRS):
        (alone,) = reading.read(loaded, readings()[0].cells, SAID, [repair])
        np.testing.assert_array_equal(alone.words, readings()[number].words)
        assert all(map(np.array_equal, alone.kernels, readings()[number].kernels))
    assert not np.allclose(readings()[0].words, readings()[1].words)


def test_an_axis_is_read_as_though_it_were_alone():
    whole, loaded = readings()[0], planted.loaded(planted.planted_model())
    parts = [
        reading.read(loaded, [cell for cell in whole.cells if cell.axis == axis], SAID, [Repair()])[0]
        for axis in ("age", "gender")
    ]
    np.testing.assert_array_equal(np.concatenate([part.words for part in parts]), whole.words)
    assert all(map(np.array_equal, [k for part in parts for k in part.kernels], whole.kernels))


def test_readings_come_back_from_their_arrays():
    whole = readings()
    back = reading.unflat(whole[0].cells, SAID, reading.flat(whole))
    for one, other in zip(whole, back, strict=True):
        assert one.cells == other.cells and one.lexicon is other.lexicon and one.pairs == other.pairs
        np.testing.assert_array_equal(one.words, other.words)
        assert len(one.kernels) == len(other.kernels) and all(map(np.array_equal, one.kernels, other.kernels))


def test_the_tokens_that_a_name_brings_are_the_largest_shifts():
    loaded, cells = planted.loaded(planted.telling(terms())), own_cells()[:20]
    (read,) = reading.read(loaded, cells, SAID, [Repair()])
    (pair,) = read.pairs
    with torch.inference_mode():
        ids = [planted.tokenizer()(text, return_tensors="pt").input_ids for cell in cells for _, text in cell.texts]
        roots = torch.stack([loaded.model(one).logits[0, -1].softmax(-1).sqrt() for one in ids])
    shift = ((roots[list(pair.first)] - roots[list(pair.second)]) / 2**0.5).mean(0)
    assert {(b.axis, b.groups, b.cells) for b in read.brought} == {("own", pair.groups, 20)} and len(read.brought) > 5
    largest = shift.abs().topk(len(read.brought)).values.tolist()
    assert [abs(b.change) for b in read.brought] == pytest.approx(largest, rel=1e-3)
    assert all(0.5 <= b.agree <= 1 for b in read.brought), "groups that are told apart bring them in most cells"
    few = reading.read(loaded, cells[:4], SAID, [Repair()])[0]
    assert few.brought == (), "of so few cells nothing is said"
