"""Intervals of the proof are drawn over what is independent: documents of text, pairs of prompts."""

import io

import numpy as np
import pytest

from fairhub.edit.repair import Repair
from fairhub.inputs.probes import Probe
from fairhub.measure.judgement import reading
from fairhub.measure.utility import Utility
from fairhub.methods import Outcome
from fairhub.proof import figures as proof
from fairhub.proof import items, prover


def measured(documents: int, each: int, alike: float) -> tuple[Utility, list[str]]:
    """Return losses and KL of `each` chunks a document, of which so much of the variance is the document's own."""
    rng = np.random.default_rng(0)
    own = rng.normal(size=(documents, 1)) * alike + rng.normal(size=(documents, each)) * (1 - alike**2) ** 0.5
    loss = 3 + 0.1 * np.stack([own.ravel(), own.ravel() * 1.1])
    return Utility(loss, 0.1 + 0.02 * own.reshape(1, -1)), [f"d{i}" for i in range(documents) for _ in range(each)]


def widths(figures):
    return {f.name: f.after.high - f.after.low for f in figures}


def test_intervals_on_text_are_those_of_documents():
    found, documents = measured(16, 4, alike=1.0)
    by_document = proof.utility_figures(found, documents, 0)
    assert {(f.items, f.clusters) for f in by_document} == {(64, 16)}
    by_chunk = widths(proof.utility_figures(found, range(64), 0))
    for name, width in widths(by_document).items():
        assert width > 1.6 * by_chunk[name]  # chunks of a document that are all alike tell no more than one
    one_each = widths(proof.utility_figures(Utility(found.loss[:, ::4], found.kl[:, ::4]), documents[::4], 0))
    assert widths(by_document) == pytest.approx(one_each, rel=1e-6)


def test_a_part_of_the_chunks_has_its_own_documents():
    found, documents = measured(16, 4, alike=0.5)
    some = proof.utility_figures(Utility(found.loss[:, :8], found.kl[:, :8]), documents, 0)
    assert {(f.items, f.clusters) for f in some} == {(8, 2)}


def test_a_pair_of_prompts_is_one_cluster():
    pairs = ["a b c a b", "a b c d e", "x y z x y z", "x y z", "k k k k", "k l m n"]
    (found,) = proof.text_figures([t for t in pairs for _ in range(2)], [t for t in pairs for _ in range(2)][::-1])
    assert (found.items, found.clusters) == (12, 6)
    (once,) = proof.text_figures(pairs, pairs[::-1])
    assert once.clusters == 3


def test_items_of_a_run_keep_the_documents(tmp_path):
    probes = [
        Probe("a", "b", "gender", "hiring", t, t, "templates", "x", "y", "a", "b", "held_out") for t in ("t1", "t2")
    ]

    class Data:
        near, proof, documents = (), (probes,), {"held_out": ("one", "two", "one")}

    found = {"loss": np.ones((2, 3)), "bias0": np.ones((2, 2))}
    packed = items.packed(Data(), found)  # type: ignore[arg-type]
    (tmp_path / items.NAME).write_bytes(packed)
    assert items.read_items(tmp_path)["loss"].clusters == ("one", "two", "one")
    with np.load(io.BytesIO(packed)) as stored:
        older = {name: values for name, values in stored.items() if name != "loss documents"}
    np.savez(tmp_path / items.NAME, **older)
    assert items.read_items(tmp_path)["loss"].clusters == ("0", "1", "2")


@pytest.mark.parametrize(("where", "name", "other"), [(reading, "PARTS", ("words",)), (prover, "VERSION", "0.1.9")])
def test_a_proof_of_another_version_is_not_taken_over(monkeypatch, where, name, other):
    outcome = Outcome(Repair(), None, {}, {}, [])
    before = prover.proof_of(outcome)
    assert prover.proof_of(outcome) == before
    monkeypatch.setattr(where, name, other)
    assert prover.proof_of(outcome) != before
