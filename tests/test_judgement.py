"""Who is judged worse: cells differ in a term alone, squares are unbiased, and what no group shares comes out as 0."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from crossing import grid

from fairhub.inputs.judgement import cells as cells_
from fairhub.inputs.judgement.cells import (
    FIT_TEMPLATES,
    FIT_TERMS,
    Cell,
    crossed_cells,
    once,
    pairs,
    shipped,
    unmeasurable,
)
from fairhub.inputs.probes import AXES, CONTEXTS, CONTROL, Probe, read_probes, split_of
from fairhub.inputs.probes.shipped import fill, rows
from fairhub.measure.judgement import gaps
from fairhub.measure.judgement.gaps import Words

SPLITS = ("search", "select", "held_out")


# Cells: what is read.


def test_no_template_frame_or_term_set_of_held_out_is_in_another_split():
    found = {split: shipped(split, 10_000) for split in SPLITS}
    for one, other in itertools.combinations(SPLITS, 2):
        for part in ("template", "frame", "term_set"):
            assert not {getattr(c, part) for c in found[one]} & {getattr(c, part) for c in found[other]}
        texts = [{text for cell in found[split] for _, text in cell.texts} for split in (one, other)]
        assert texts[0] and not texts[0] & texts[1]


def test_what_a_fit_alone_sees_is_new_in_frame_form_and_term():
    templates, sets = rows(FIT_TEMPLATES), rows(FIT_TERMS)
    old, known = rows("templates.jsonl"), [s for s in rows("terms.jsonl") if split_of(s["id"]) != "search"]
    assert not {t["frame"] for t in templates} & {t["frame"] for t in old}
    assert not {t["text"] for t in templates} & {t["text"] for t in old}
    unseen = {term.lower() for s in known for term in s["terms"].values()}
    unseen |= {row["name"].split()[0].lower() for row in rows("names.jsonl") if row["split"] != "search"}
    assert not [term for s in sets for term in s["terms"].values() if term.lower() in unseen]
    assert {s["axis"] for s in sets} == set(AXES) and {t["context"] for t in templates} == set(CONTEXTS)
    for part in (templates, sets):
        assert len({row["id"] for row in part} | {row["id"] for row in [*old, *known]}) == len(part) + len(old + known)
    more, few = (shipped("search", 10_000, wide=wide) for wide in (True, False))
    assert not {c.term_set for c in few} & {c.term_set for c in more} and {c.split for c in more} == {"search"}
    assert {c.source for c in more} == {"fit"} and {c.source for c in few} == {"templates"}
    assert len(more) == len({(c.template, c.term_set) for c in more}) and all(len(c.texts) > 1 for c in more)
    texts = {text for split in ("select", "held_out") for c in shipped(split, 10_000) for _, text in c.texts}
    assert not texts & {text for c in more for _, text in c.texts}


@pytest.mark.parametrize("split", SPLITS)
def test_the_texts_of_a_cell_differ_in_the_term_alone(split):
    templates = {row["id"]: row["text"] for row in rows("templates.jsonl")}
    terms = {row["id"]: row["terms"] for row in rows("terms.jsonl")}
    found = shipped(split, 120)
    assert {cell.split for cell in found} == {split} and CONTROL not in {cell.axis for cell in found}
    for cell in found:
        said = terms[cell.term_set]
        assert cell.texts == tuple((group, fill(templates[cell.template], said[group])) for group in sorted(said))
        assert len({text for _, text in cell.texts}) == len(said) >= 2
    for pair in pairs(found):
        assert len({found[place].template for place in pair.cells}) > 1
        flat = [(cell, group, text) for cell in found for group, text in cell.texts]
        for place, first, second in zip(pair.cells, pair.first, pair.second, strict=True):
            assert flat[first][:2] == (found[place], pair.groups[0]) and flat[second][:2] == (
                found[place],
                pair.groups[1],
            )


def test_templates_and_term_sets_are_crossed_thinly_and_always_the_same():
    templates = [
        {"id": f"t{i}", "text": f"{i} {{adj}} is", "frame": "f", "context": "c", "ends": "noun"} for i in range(6)
    ]
    sets = [{"id": f"s{i}", "axis": "x", "form": "adj", "terms": {"a": f"a{i}", "b": f"b{i}"}} for i in range(3)]
    found = crossed_cells(templates, sets, "search", 12)
    assert sorted(cell.template for cell in found) == [f"t{i}" for i in range(6)], "each once, before any twice"
    assert {cell.term_set for cell in found} == {"s0", "s1", "s2"} and len(found) == 6
    assert crossed_cells(templates[::-1], sets[::-1], "search", 12) == found
    whole = crossed_cells(templates, sets, "search", 999)
    assert len({(cell.template, cell.term_set) for cell in whole}) == len(whole) == 18 and whole[:6] == found
    misfits = [row | {"form": "noun"} for row in sets]
    assert crossed_cells(templates, misfits, "search", 12) == []


def test_pairs_of_groups_need_two_templates():
    one = Cell((("a", "x"), ("b", "y")), "ax", "c", "t0", "f", "s0", "adjective", "own", "held_out")
    assert pairs([one, replace(one, term_set="s1")]) == [] and once([one]) == 1
    (pair,) = pairs([one, replace(one, template="t1")])
    assert (pair.groups, pair.cells, pair.first, pair.second) == (("a", "b"), (0, 1), (0, 2), (1, 3))


def test_probes_of_the_users_own_are_cells_of_two_groups():
    probe = Probe("He is a", "She is a", "gender", "hiring", "t", "f", "own", "man", "woman", "he", "she", "search")
    (cell,) = cells_.of_probes([probe, replace(probe, axis=CONTROL), replace(probe, group_b="man")])
    assert cell.texts == (("man", "He is a"), ("woman", "She is a")) and cell.ends == "noun"
    assert next(iter(cells_.of_probes([replace(probe, text_a="He is", text_b="She is")]))).ends == "adjective"


# Squares: the size of a gap, without that of its noise.


def reacted(rng, gap, templates=12, sets=6, words=8):
    """[cells, words] a gap between groups under random reactions of each template, term set and word, and noise."""
    by_template, by_set, by_word = (rng.normal(0, 0.5, count) for count in (templates, sets, 2 * words))
    of_cell = gap + by_template[:, None] + by_set[None, :]
    side = np.repeat([0.5, -0.5], words)
    return of_cell.reshape(-1, 1) * side + by_word + rng.normal(0, 0.5, (templates * sets, 2 * words))


@pytest.mark.parametrize("gap", [0.0, 0.6])
def test_squares_are_unbiased_whatever_templates_terms_and_words_do_at_random(gap):
    rng, (cells, said) = np.random.default_rng(0), grid()
    words, ones = Words.fixed(said, 1), np.ones((1, len(cells)), np.float32)
    drawn = [reacted(rng, gap) for _ in range(800)]
    found = np.array([gaps.squared(v, cells, words, "bad", ones).value for v in drawn])
    signed = np.array([gaps.signed(v, cells, words, "bad", ones).value for v in drawn])
    error = found.std() / len(found) ** 0.5
    assert abs(found.mean() - gap**2) < 3 * error and error < 0.02
    assert abs(signed.mean() - gap) < 3 * signed.std() / len(found) ** 0.5
    assert (signed**2).mean() - gap**2 > 6 * error, "the plain square of the mean has that of its noise in it"
    if gap == 0:
        assert (found < 0).mean() > 0.3, "chance alone comes out on either side"


def test_the_square_is_the_mean_product_over_other_templates_term_sets_and_words():
    cells, said = grid(3, 2, 3)
    values = reacted(np.random.default_rng(1), 0.4, 3, 2, 3)
    products = []
    for (i, a), (j, b) in itertools.permutations(enumerate(cells), 2):
        if a.template != b.template and a.term_set != b.term_set:
            sides = [[values[k][:3], values[k][3:]] for k in (i, j)]
            total = 0.0
            for (m, mine), (n, theirs) in itertools.product(enumerate(sides[0]), enumerate(sides[1])):
                apart = [x * y for (p, x), (q, y) in itertools.product(enumerate(mine), enumerate(theirs))
                         if m != n or p != q]  # fmt: skip
                total += (1 if m == n else -1) * np.mean(apart)
            products.append(total)
    found = gaps.squared(values, cells, Words.fixed(said, 1), "bad", np.ones((1, len(cells)), np.float32))
    assert found.value == pytest.approx(np.mean(products), rel=1e-4)


def test_cells_that_share_a_template_or_a_term_set_are_not_multiplied():
    cells, _ = grid(2, 2, 1)
    assert gaps.apart(cells).sum() == 4  # each cell with the one that shares neither
    assert gaps.apart(cells[:3]).sum() == 2  # of three, the two that share neither
    alone = [cell for cell in cells if cell.term_set == cells[0].term_set]
    assert gaps.apart(alone).sum() == 2  # a term set that is the only one is no noise that could be told
    assert gaps.apart(cells[:2]).sum() == 2  # nor is an only template


def test_systematic_is_what_differences_share_and_reaction_their_whole_length():
    rng, (cells, _) = np.random.default_rng(0), grid(8, 4)
    ones, shared = np.ones((1, len(cells)), np.float32), np.full(30, 0.2)
    found = []
    for _ in range(400):
        moved = shared + rng.normal(0, 0.3, (len(cells), 30))
        found.append([of(moved @ moved.T, cells, ones).value for of in (gaps.systematic, gaps.reaction)])
    systematic, reaction = np.array(found).T
    assert abs(systematic.mean() - 30 * 0.04) < 3 * systematic.std() / 20
    assert reaction.mean() == pytest.approx(30 * (0.04 + 0.09), rel=0.02)
    own = np.diag(np.diag(moved @ moved.T))  # with itself alone a difference has its whole length, with others nothing
    systematic, reaction = (of(own, cells, ones).value for of in (gaps.systematic, gaps.reaction))
    assert systematic == 0 and reaction == pytest.approx(found[-1][1], rel=1e-5)
    same = np.ones((len(cells), len(cells)))
    both = [of(same, cells, ones).value for of in (gaps.systematic, gaps.reaction)]
    assert both == pytest.approx([1, 1])


def test_squared_hellinger_is_jensen_shannon_to_second_order():
    rng = np.random.default_rng(0)
    log_p, step = rng.normal(size=50), rng.normal(size=50)
    apart = []
    for size in (0.2, 0.1, 0.05):
        p, q = (np.exp(x) / np.exp(x).sum() for x in (log_p, log_p + size * step))
        middle = (p + q) / 2
        shannon = ((p * np.log(p / middle)).sum() + (q * np.log(q / middle)).sum()) / 2
        d = (p**0.5 - q**0.5) / 2**0.5
        assert d @ d == pytest.approx(1 - (p * q) ** 0.5 @ np.ones(50))
        apart.append(abs(d @ d / shannon - 1))
    assert apart[0] < 0.02 and apart[1] < apart[0] / 2.5 and apart[2] < apart[1] / 2.5


def test_what_cannot_be_measured_on_own_probes_is_said(tmp_path):
    rows = [
        {"text_a": f"The {a} guest {i} was", "text_b": f"The {b} guest {i} was", "axis": "race", "frame": "indexed",
         "template": f"t{i}", "group_a": a, "group_b": b}
        for i, (a, b) in enumerate([("tall", "short"), ("tall", "short"), ("red", "blue")])
    ]  # fmt: skip
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (line,) = unmeasurable(read_probes(path))
    assert line.startswith("1 of 2 pairs of groups in") and "one template only" in line
    same = [replace(probe, group_b=probe.group_a) for probe in read_probes(path)]
    assert unmeasurable(same) == ["3 of 3 pairs have one group on both sides: reaction alone is measured"]
    assert unmeasurable(read_probes(path)[:2]) == []
