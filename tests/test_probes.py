"""The shipped probes: law 7, counts, texts that differ in the term alone, and stratified samples."""

import random
import re
from collections import Counter
from itertools import combinations

import pytest
from probing import OURS, SHIPPED, VIGNETTES, slotted, values

from fairhub.inputs.probes import AXES, CONTEXTS, CONTROL, split_of, stratified, templates
from fairhub.inputs.probes.shipped import rows

# Law 7


@pytest.mark.parametrize("fields", [("template",), ("frame",), ("term_a", "term_b"), ("text_a", "text_b")])
@pytest.mark.parametrize("one, other", combinations(OURS, 2))
def test_no_template_frame_term_or_text_of_one_split_occurs_in_another(fields, one, other):
    found = values(SHIPPED, one, *fields), values(SHIPPED, other, *fields)
    assert all(found)
    assert not found[0] & found[1]


def test_no_source_template_or_frame_of_ours_is_external():
    assert {p.split for p in VIGNETTES} == {"external"}
    for field in ("source", "template", "frame"):
        ours = set().union(*(values(SHIPPED, split, field) for split in OURS))
        assert not ours & values(VIGNETTES, "external", field)


def test_the_split_of_a_row_stays_when_rows_are_added_and_shuffled(monkeypatch):
    before = rows("terms.jsonl")
    split_of_term = {t: split_of(r["id"]) for r in before for t in r["terms"].values()}
    added = [r | {"id": f"{r['id']}-more", "terms": {g: f"other {t}" for g, t in r["terms"].items()}} for r in before]
    augmented = random.Random(0).sample([*before, *added], 2 * len(before))
    read = rows
    monkeypatch.setattr(
        "fairhub.inputs.probes.shipped.rows", lambda file: augmented if file == "terms.jsonl" else read(file)
    )
    after = templates()
    assert any(p.term_a.startswith("other ") for p in after)
    assert {p.template: p.split for p in after} == {p.template: p.split for p in SHIPPED}
    for p in after:
        assert {split_of_term.get(t, p.split) for t in (p.term_a, p.term_b)} == {p.split}


def test_a_split_is_a_function_of_the_name_alone():
    names = [f"set {i}" for i in range(4000)]
    shares = Counter(map(split_of, names))
    assert [split_of(n) for n in reversed(names)] == [split_of(n) for n in names][::-1]
    assert shares["search"] / 4000 == pytest.approx(0.55, abs=0.03)
    assert shares["held_out"] / 4000 == pytest.approx(0.25, abs=0.03)


# Counts


def test_there_are_enough_probes_templates_frames_and_controls():
    assert len(SHIPPED) + len(VIGNETTES) >= 3000
    assert len({p.template for p in SHIPPED}) >= 240
    assert len({p.frame for p in SHIPPED}) >= 12
    assert sum(p.axis == CONTROL for p in SHIPPED + VIGNETTES) >= 300


@pytest.mark.parametrize("split", [*OURS, "external"])
def test_every_context_and_axis_is_in_every_split(split):
    probes = [p for p in SHIPPED + VIGNETTES if p.split == split]
    assert {p.context for p in probes} == set(CONTEXTS)
    assert {p.axis for p in probes} == {*AXES, CONTROL}


def test_every_template_gives_probes_and_every_form_has_terms_in_every_split():
    assert {p.template for p in SHIPPED} == {r["id"] for r in rows("templates.jsonl")}
    sets = rows("terms.jsonl")
    for form in {r["form"] for r in sets}:
        assert {split_of(r["id"]) for r in sets if r["form"] == form} == set(OURS), form


def test_ids_and_probes_are_unique():
    for file in ("terms.jsonl", "templates.jsonl"):
        ids = [r["id"] for r in rows(file)]
        assert len(ids) == len(set(ids))
    texts = [frozenset((p.text_a, p.text_b)) for p in SHIPPED + VIGNETTES]
    assert len(texts) == len(set(texts))


# Texts


def test_the_texts_differ_only_in_the_term_up_to_its_article():
    for p in SHIPPED + VIGNETTES:
        assert p.text_a != p.text_b and p.term_a != p.term_b
        assert slotted(p.text_a, p.term_a) == slotted(p.text_b, p.term_b), p
        assert "{}" in slotted(p.text_a, p.term_a), p


def test_no_text_ends_in_space_or_keeps_a_slot():
    for p in SHIPPED + VIGNETTES:
        for text in (p.text_a, p.text_b):
            assert text == text.strip() and not re.search(r"[{}]|  ", text), text


def test_articles_agree_with_the_word_after_them():
    consonant = ("eu", "uni", "one", "use", "uk")
    vowel = ("hour", "honest", "heir", "8", "11", "18")
    met = set()
    for p in SHIPPED + VIGNETTES:
        for text in (p.text_a, p.text_b):
            for article, word in re.findall(r"(?<!block )\b([Aa]n?) (\w+)", text):
                low = word.casefold()
                an = low.startswith(vowel) or (low[0] in "aeiou" and not low.startswith(consonant))
                assert (article.casefold() == "an") == an, text
                met.add(an)
    assert met == {True, False}


# Stratified samples


def test_stratified_is_deterministic_balanced_and_prefix_stable():
    few, many = stratified(SHIPPED, 90), stratified(random.Random(1).sample(SHIPPED, len(SHIPPED)), 180)
    assert set(Counter(p.axis for p in few).values()) == {10}
    assert many[:90] == few
    assert len({p.template for p in few if p.axis == "race"}) == 10


def test_stratified_over_another_key_and_beyond_what_there_is():
    by_context = stratified(SHIPPED, 18, key=lambda p: p.context)
    assert set(Counter(p.context for p in by_context).values()) == {2}
    assert set(stratified(VIGNETTES, 10**6)) == set(VIGNETTES)
    assert stratified([], 5) == []
