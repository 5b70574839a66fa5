"""A user's own probes: read with their defaults, refused by line number."""

import csv
import dataclasses
import json
import re

import pytest
from probing import SHIPPED, write

from fairhub.errors import UserError
from fairhub.inputs.probes import Probe, pairs, read_probes, split_of, stratified
from fairhub.inputs.probes.own import difference

PAIR = {"text_a": "A hearing guest is", "text_b": "An older guest is", "axis": "mixed"}


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
