"""What must stay: items ask what they say, readings are those of a plain forward, and a model made deaf loses."""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import planted
import pytest
import torch
from tiny import ARCHITECTURES

from fairhub.edit.repair import Repair, applied
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.inputs.keep import FAMILIES, TRAITS, Choice, choices, passages, trait_cells
from fairhub.inputs.probes import split_of
from fairhub.inputs.probes.shipped import rows
from fairhub.measure import keep
from fairhub.measure.judgement import reading
from fairhub.measure.keep import LIMITS, Kept, usable
from fairhub.model.architecture import units
from fairhub.model.loading import Loaded
from fairhub.model.units import Unit

SPLITS = ("search", "select", "held_out")
DOCUMENTS = [
    f"The {kind} of {place} stood by the river for many years. People came to see the {kind} from far away and near. "
    f"When the storm took the roof away, they gathered in {place} and talked about the {kind}. In the end nobody but "
    f"the mayor himself wanted to pay for the {kind}. Every spring the children of {place} draw what is left of the "
    f"{kind}. Nobody has ever told them why."
    for kind, place in (("mill", "Harbour"), ("bridge", "Ashford"), ("tower", "Millbrook"))
]  # fmt: skip


# Items.


@pytest.mark.parametrize("file", ["keep_templates.jsonl", "keep_terms.jsonl"])
def test_ids_are_unique_and_families_known(file):
    found = rows(file)
    assert len({row["id"] for row in found}) == len(found)
    assert {row["family"] for row in found} == set(FAMILIES) - ({"recall"} if file == "keep_terms.jsonl" else set())


@pytest.mark.parametrize("family", TRAITS)
def test_trait_cells_differ_in_the_trait_alone_and_share_nothing_across_splits(family):
    found = {split: trait_cells(family, split, 9999) for split in SPLITS}
    for split, cells in found.items():
        assert {cell.axis for cell in cells} == {family} and {cell.split for cell in cells} == {split}
        terms = {row["id"]: row["terms"] for row in rows("keep_terms.jsonl")}
        for cell in cells:
            (_, one), (_, other) = cell.texts
            said = terms[cell.term_set]
            assert one.replace(said[cell.groups[0]], said[cell.groups[1]]) == other and one != other
            assert split_of(cell.frame) == split_of(cell.term_set) == split
    for one, other in combinations(SPLITS, 2):
        for part in ("template", "frame", "term_set", "texts"):
            assert not {getattr(c, part) for c in found[one]} & {getattr(c, part) for c in found[other]}
    assert family == "incidental" or {cell.groups for cell in found["held_out"]} == {("better", "worse")}
    few = trait_cells(family, "held_out", 18)
    assert 10 <= len(few) <= 36 and trait_cells(family, "held_out", 18) == few


@pytest.mark.parametrize("family", ["meaning", "recall"])
def test_choices_share_no_template_frame_or_term_set_across_splits(family):
    found = {split: choices(family, split, 9999) for split in SPLITS}
    for one, other in combinations(SPLITS, 2):
        for part in ("template", "frame", "term_set", "text"):
            assert not {getattr(c, part) for c in found[one]} & {getattr(c, part) for c in found[other]}
    for split, items in found.items():
        assert len(items) > 50 and {(c.family, c.split) for c in items} == {(family, split)}
        assert len({(c.text, c.wrong) for c in items}) == len(items)
        assert all(c.right != c.wrong and "{" not in c.text for c in items)


def test_the_right_word_follows_from_the_term_and_the_wrong_one_from_another():
    terms = {row["id"]: row["terms"] for row in rows("keep_terms.jsonl")}
    for item in choices("meaning", "held_out", 300):
        said = {term for term in terms[item.term_set] if re.search(rf"(?<!\w){re.escape(term)}(?!\w)", item.text)}
        assert item.right in {terms[item.term_set][term] for term in said}
        assert item.wrong in terms[item.term_set].values()


def test_recall_cannot_be_answered_by_role_place_or_name():
    """The answer is as often the one person as the other, no place in the text gives it away, and no name."""
    templates = {row["id"]: row for row in rows("keep_templates.jsonl") if row["family"] == "recall"}
    answers = Counter(row["answer"] for row in templates.values())
    assert abs(answers["a"] - answers["b"]) <= 2 and set(answers) == {"a", "b"}
    items = [item for split in SPLITS for item in choices("recall", split, 9999)]
    for find in (str.index, str.rindex):
        first = np.mean([find(item.text, item.right) < find(item.text, item.wrong) for item in items])
        assert 0.25 < first < 0.75
    assert {"gender", "race"} <= {item.axis for item in items} and all(item.wrong in item.text for item in items)
    earlier = defaultdict(set)
    for item in items:
        earlier[item.template].add(item.right < item.wrong)
    assert sum(len(found) == 2 for found in earlier.values()) > 0.9 * len(templates), "names are in either role"


def test_items_are_taken_in_turn_and_always_the_same():
    whole = choices("meaning", "held_out", 9999)
    some = choices("meaning", "held_out", 40)
    assert some == whole[:40] and choices("meaning", "held_out", 40) == some
    axes = Counter(item.axis for item in some)
    assert max(axes.values()) - min(axes.values()) <= 1
    for axis in axes:
        mine = [item.template for item in whole if item.axis == axis]
        of_templates = len(set(mine))
        assert len(set(mine[:of_templates])) == of_templates, "a template's second after every template's first"


def test_choices_whose_words_begin_alike_are_left_out_and_counted():
    loaded = planted.loaded(planted.planted_model())
    items = choices("recall", "held_out", 12)
    alike = [replace(items[0], right="teacher", wrong="teacher"), replace(items[1], right="xyzzy", wrong="plugh")]
    kept = usable(loaded, [*items, *alike], passages(DOCUMENTS, 2))
    first = [[planted.tokenizer()(f" {word}").input_ids[0] for word in (c.right, c.wrong)] for c in kept.choices]
    assert all(one != other for one, other in first) and kept.skipped == len(items) + 2 - len(kept.choices) >= 2
    assert not set(alike) & set(kept.choices) and len(kept.passages) == 2


# Last words.


def test_the_last_word_of_a_passage_stands_earlier_in_it():
    found = passages(DOCUMENTS, 99)
    assert len(found) >= 6
    for passage in found:
        words = re.findall(r"[A-Za-z]+", passage.text)
        assert passage.word in words and len(passage.word) >= 4 and 20 <= len(passage.text.split()) <= 60
        assert any(f"{passage.text} {passage.word}" in " ".join(document.split()) for document in DOCUMENTS)
    assert "why" not in {passage.word for passage in found}
    assert passages(["Too short. To be told. About the told."], 9) == []


def test_documents_give_their_passages_in_turn():
    found = passages(DOCUMENTS, 99)
    for turn in range(2):
        names = [passage.document for passage in found[turn * 3 : turn * 3 + 3]]
        assert len(set(names)) == 3
    assert passages(DOCUMENTS, 2) == found[:2] and len({p.document for p in found}) == 3
    assert [p.text for p in passages([DOCUMENTS[1].replace(" ", "\n ")], 9)] == [
        p.text for p in passages([DOCUMENTS[1]], 9)
    ]


# Readings and figures.


@cache
def asked():
    return usable(
        planted.loaded(planted.planted_model()),
        choices("meaning", "held_out", 24) + choices("recall", "held_out", 24), passages(DOCUMENTS, 6),
    )  # fmt: skip


@cache
def deaf():
    """A repair that leaves no head."""
    return Repair(frozenset(unit for unit in units(planted.planted_model()) if unit.kind == "head"))


def test_readings_are_those_of_a_plain_forward():
    model, tokenizer, kept = planted.planted_model(), planted.tokenizer(), asked()
    repairs = [Repair(), Repair(frozenset({Unit(0, "head", 1)}))]
    found = keep.read(planted.loaded(model), kept, repairs)
    assert found.shape == (2, 2, len(kept.texts)) == (2, 2, len(kept.choices) + len(kept.passages))
    for repair, values in zip(repairs, found, strict=True):
        for place, item in enumerate([*kept.choices, *kept.passages]):
            with torch.inference_mode(), applied(model, repair):
                ids = tokenizer(item.text, return_tensors="pt").input_ids
                log_p = model(ids).logits[0, -1].double().log_softmax(-1)
            if isinstance(item, Choice):
                right, wrong = (tokenizer(f" {word}").input_ids[0] for word in (item.right, item.wrong))
                margin = float(log_p[right] - log_p[wrong])
                assert values[:, place] == pytest.approx([margin, float(margin > 0)], abs=1e-5)
            else:
                last = tokenizer(f" {item.word}").input_ids[0]
                assert values[:, place] == pytest.approx(
                    [float(log_p[last].exp()), float(log_p.argmax() == last)], abs=1e-6
                )
    assert not np.allclose(*found[:, 0])
    assert keep.read(planted.loaded(model), Kept(), repairs).shape == (2, 2, 0)


@cache
def measured():
    """Figures of what must stay under the repair that makes deaf."""
    loaded = planted.loaded(planted.planted_model())
    cells = [cell for family in TRAITS for cell in trait_cells(family, "held_out", 30)]
    traits = reading.read(loaded, cells, lexicon(loaded.tokenizer, "held_out"), [Repair(), deaf()])
    values = keep.read(loaded, asked(), [Repair(), deaf()])
    return traits, values, keep.keep_figures(traits, asked(), values)


def test_a_model_that_is_made_deaf_loses_merit_and_incidental_traits(tokenizer):
    loaded = Loaded(ARCHITECTURES["llama"](), tokenizer, "letters", "local")  # it knows every word, by its letters
    cells = [cell for family in TRAITS for cell in trait_cells(family, "held_out", 60)]
    traits = reading.read(loaded, cells, lexicon(tokenizer, "held_out"), [Repair(), deaf(), Repair()])
    found = {f.name: f for f in keep.keep_figures(traits[:2], Kept(), np.zeros((2, 2, 0)))}
    for name in TRAITS:
        figure = found[name]
        assert figure.before.low > 0 and figure.outcome == "worse" and figure.past_limit
        assert figure.after.value < 0.05 * figure.before.value
    same = keep.keep_figures([traits[0], traits[2]], Kept(), np.zeros((2, 2, 0)))
    assert {f.name for f in same} == set(TRAITS) and not any(f.past_limit or f.outcome != "not shown" for f in same)


def test_figures_of_what_must_stay_have_limits_and_higher_is_better():
    found = measured()[2]
    assert {(f.role, f.better, f.split, f.context) for f in found} == {("keep", "higher", "held_out", "all")}
    limits = {f.name: f.limit for f in found if f.axis == "all"}
    assert limits == {
        "incidental": 0.1, "merit": 0.1, "merit_gap": 0.1, "meaning": 0.05, "meaning_right": 0.05, "recall": 0.05,
        "recall_right": 0.05, "last_word": 0.05, "last_word_probability": 0.05,
    }  # fmt: skip
    assert all(f.limit is None and f.name == "meaning" for f in found if f.axis != "all"), "parts have none"
    traits, values, _ = measured()
    own = keep.keep_figures(traits, asked(), values, LIMITS | {"merit": 0.5, "recall": 0.2})
    assert {f.name: f.limit for f in own if f.axis == "all"} == limits | {
        "merit": 0.5, "recall": 0.2, "recall_right": 0.2,
    }  # fmt: skip


def test_figures_are_the_means_of_their_items():
    traits, values, found = measured()
    by_name = {(f.name, f.axis): f for f in found}
    kept = asked()
    for family in ("meaning", "recall"):
        rows_ = [i for i, choice in enumerate(kept.choices) if choice.family == family]
        for kind, name in ((0, family), (1, f"{family}_right")):
            figure = by_name[name, "all"]
            assert figure.before.value == pytest.approx(values[0, kind, rows_].mean(), abs=1e-6)
            assert figure.after.value == pytest.approx(values[1, kind, rows_].mean(), abs=1e-6)
            assert figure.items == len(rows_)
    begin = len(kept.choices)
    assert by_name["last_word", "all"].before.value == pytest.approx(values[0, 1, begin:].mean(), abs=1e-6)
    assert by_name["last_word_probability", "all"].clusters == len(DOCUMENTS), "documents are drawn as wholes"


def test_merit_counts_where_the_worse_record_is_judged_worse():
    """Of a model that says the same after all good records, and after all bad ones, the gap is that of its words."""
    traits = measured()[0][:1]
    (pair,) = (pair for pair in traits[0].pairs if pair.axis == "merit")
    words = traits[0].words.copy()
    negative = [i for i, word in enumerate(traits[0].lexicon.words) if word.side == "negative"]
    words[:] = -5.0
    words[np.ix_(pair.second, negative)] += 0.7  # better comes first by the alphabet, worse second
    assert pair.groups == ("better", "worse")
    found = keep.keep_figures([replace(traits[0], words=words)], Kept(), np.zeros((1, 2, 0)))
    assert {f.name: f.before.value for f in found}["merit_gap"] == pytest.approx(0.7, abs=1e-5)


def test_an_audit_has_no_change_and_without_words_merit_alone_is_not_weighed():
    traits, values, found = measured()
    audit = keep.keep_figures(traits[:1], asked(), values[:1])
    assert [f.before.value for f in audit] == [f.before.value for f in found]
    assert all(f.after is None and f.outcome == "not compared" and not f.past_limit for f in audit)
    none = replace(traits[0].lexicon, words=(), ids=())
    wordless = [replace(read, lexicon=none, words=read.words[:, :0]) for read in traits]
    assert keep.keep_figures(wordless, asked(), values) == [f for f in found if f.name != "merit_gap"]
