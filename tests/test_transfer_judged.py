"""Transfer of who is judged worse: read in every context, less where it was erased, as a share where there is a gap."""

import numpy as np
import planted
import pytest

from fairhub import methods
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.methods.outcome import Outcome
from fairhub.studies.transfer.command import Asked, transfer
from fairhub.studies.transfer.ground import of_probes
from fairhub.studies.transfer.judged import JudgedRuler, held_out_cells, measurable

CONTEXTS = ("hiring", "lending", "housing")


@pytest.fixture(scope="module")
def ruled(tmp_path_factory):
    """A ruler on the planted model, and what it measured of base and of a model without the planted head."""
    loaded = planted.loaded(planted.planted_model())
    ruler = JudgedRuler(held_out_cells(CONTEXTS, ("gender", "religion")), lexicon(loaded.tokenizer, "held_out"))
    told = []
    base = ruler.measure(loaded, Repair(), told.append)
    assert sum(told) == ruler.size(loaded) > 0
    return ruler, base, ruler.measure(loaded, Repair(frozenset([planted.PLANTED])), lambda _: None)


def test_a_gap_falls_where_what_carries_it_went_and_not_where_nothing_did(ruled):
    ruler, base, after = ruled
    fell = {context: ruler.change(base, after, context) for context in CONTEXTS}
    for context in CONTEXTS:
        same = ruler.change(base, base, context)
        assert same.value == same.low == same.high == 0 and same.p == 1
        assert ruler.sizes(after, context)[0] < 0.3 * ruler.sizes(base, context)[0] and ruler.clusters(context) > 1
    surely = [change for change in fell.values() if change.relative is not None]
    assert surely and all(change.relative < -0.7 and change.high < 0 for change in surely)


def test_a_share_is_of_the_sum_over_contexts_each_under_a_repair_of_its_own(ruled):
    ruler, base, after = ruled
    share = ruler.reduced(base, [("hiring", after), ("lending", base)])
    before, now = (sum(ruler.sizes(found, c)[0] for c, found in parts) for parts in (
        [("hiring", base), ("lending", base)], [("hiring", after), ("lending", base)]
    ))  # fmt: skip
    assert share is not None and share[0] == pytest.approx(1 - now / before) and 0.1 < share[0] < 0.9
    assert share[1:].std() > 0
    assert ruler.reduced(after, [("hiring", after)]) is None  # what is not there has no share


def test_cells_are_of_the_contexts_and_axes_that_are_asked_and_balanced():
    cells = held_out_cells(("hiring", "health"), ("race",))
    assert {cell.context for cell in cells} == {"hiring", "health"} and {cell.axis for cell in cells} == {"race"}
    assert {cell.split for cell in cells} == {"held_out"}
    words = lexicon(planted.tokenizer(), "held_out")
    assert measurable(cells, words, ["hiring", "health"]) and not measurable(cells, words, ["hiring", "chess"])
    assert not measurable((), words, [])


@pytest.mark.wide
def test_a_matrix_is_of_judgements_where_they_can_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("fairhub.studies.transfer.ground.SIZES", planted.TRANSFER_SIZES)
    gone = Outcome(Repair(frozenset([planted.PLANTED])), None, {}, {}, [])
    planted_ = methods.Method("planted", lambda task, plan: gone, "the planted head", "Takes the planted head.")
    monkeypatch.setitem(methods.METHODS, "planted", planted_)
    loaded, text = planted.loaded(planted.planted_model()), planted.write_text(tmp_path / "text.txt")
    found = transfer(loaded, Asked(("planted",), CONTEXTS[:2], text=text), tmp_path / "out")
    assert found["figure"] == "judgement gap" and found["unit"] == "nats²"
    assert len(found["cells"]) == 4 and all(np.isfinite(cell["change"]["value"]) for cell in found["cells"])
    assert "judgement gap" in (tmp_path / "out" / "transfer.md").read_text()


def test_a_matrix_is_of_judgement_or_divergence(tmp_path, text):
    own = tmp_path / "own.jsonl"
    with pytest.raises(UserError, match="judgement or divergence; got 'bias'; mend --figure"):
        of_probes(planted.tokenizer(), CONTEXTS, own, text, figure="bias")
