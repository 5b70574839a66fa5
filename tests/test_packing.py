"""Packed rows hold every text once, each token sees its own beginning and nothing else, and rows are about as wide."""

import numpy as np
import pytest
from tiny import ARCHITECTURES, LLAMA, build
from zoo import ZOO

from fairhub.compute.trees.packing import WIDTH, packed, packs
from fairhub.compute.trees.tree import DEEPEST, forest

EVERY = 1 << 40


def texts(count: int, begin: int, longest: int, seed: int = 0) -> list[tuple[int, ...]]:
    """Draw texts of a few tokens, which begin alike in several ways."""
    random = np.random.default_rng(seed)
    stems = [tuple(random.integers(1, 9, size=begin).tolist()) for _ in range(3)]
    ends = (tuple(random.integers(1, 5, size=random.integers(1, longest)).tolist()) for _ in range(count))
    return [stems[i % 3] + end for i, end in enumerate(ends)]


def rows_of(sequences, width=WIDTH, tokens=2048, most=EVERY):
    trees = forest(sequences, [len(ids) + 1 for ids in sequences], least=1)
    return packed(trees, tokens=tokens, places=lambda node: int(bool(node.ends)), most=most, width=width)


def said(run) -> tuple[int, ...]:
    """Return a run's text from its beginning."""
    return (said(run.above) if run.above else ()) + run.node.ids


@pytest.mark.parametrize(("begin", "longest", "width"), [(0, 6, 16), (5, 9, 16), (30, 12, 16), (12, 40, 256)])
def test_every_text_is_held_once_by_the_tokens_that_stand_before_it(begin, longest, width):
    sequences = texts(60, begin, longest) + [(7,), (7,)]
    found = {}
    for rows in rows_of(sequences, width, tokens=64):
        ids, positions, seen = rows.ids(), rows.positions(), rows.seen()
        for run in rows.runs:
            row, place = run.last
            before = seen[row, place].nonzero()[:, 0]
            assert tuple(ids[row, before].tolist()) == said(run)
            assert positions[row, before].tolist() == list(range(len(said(run))))
            for number in run.node.ends:
                assert number not in found
                found[number] = said(run)
        assert seen.any(-1).all()  # padding sees itself: attention over nothing is no number
    assert [found[number] for number in range(len(sequences))] == sequences


def test_rows_are_about_as_wide_and_nothing_is_computed_much_more_often():
    sequences = texts(900, 12, 7)
    distinct = len({ids[: place + 1] for ids in sequences for place in range(len(ids))})
    every = rows_of(sequences, width=64)
    assert distinct <= sum(rows.tokens for rows in every) < 1.35 * distinct  # three stems, again in each row
    assert all(rows.shape[1] <= 1.1 * 64 for rows in every)
    places = sum(rows.shape[0] * rows.shape[1] for rows in every)
    assert places < 1.25 * sum(rows.tokens for rows in every)  # trees of nearly a row leave some of it empty
    assert all(rows.shape[0] * rows.shape[1] <= 2048 for rows in every)


def test_a_long_beginning_makes_wide_rows_instead_of_being_read_for_each_text():
    sequences = [tuple(range(100)) + (200 + i,) for i in range(300)]
    every = rows_of(sequences, width=32)
    assert sum(rows.tokens for rows in every) <= 2.1 * 400
    (row,) = rows_of([tuple(range(500))], width=32)
    assert row.shape == (1, 500)  # one text is never cut


def test_logits_are_wanted_at_no_more_places_than_asked():
    every = rows_of(texts(300, 4, 6), width=32, most=40)
    asked = [sum(bool(run.node.ends) for run in rows.runs) for rows in every]
    assert max(asked) <= 40 and len(asked) > 2


def test_texts_that_each_begin_the_next_one_are_no_deep_recursion():
    def depth(node) -> int:
        return 1 + max(map(depth, node.children), default=0)

    def ends(node) -> list[int]:
        return [*node.ends, *(number for child in node.children for number in ends(child))]

    sequences = [tuple(range(length)) for length in range(1, 1200)]
    trees = forest(sequences, [len(ids) + 1 for ids in sequences], least=1)
    assert max(map(depth, trees)) <= DEEPEST + 1
    assert sorted(number for tree in trees for number in ends(tree)) == list(range(len(sequences)))


def test_models_that_look_at_tokens_otherwise_are_not_packed():
    assert packs(ARCHITECTURES["llama"](), 64)
    assert not packs(ZOO["bloom"](), 64)  # its positions are biases of attention
    windowed = build("MistralConfig", **LLAMA, sliding_window=16)
    assert packs(windowed, 16) and not packs(windowed, 17)
    model = ARCHITECTURES["llama"]()
    model.config.layer_types = ["linear_attention", "full_attention"]
    assert not packs(model, 8)
