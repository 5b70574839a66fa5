"""Leave one out: an edit that never saw an axis, group, context or dimension, measured on just that."""

import json
from pathlib import Path

import numpy as np
import pytest
from planted import SIZES, loaded, planted_model, tokenizer, write_text
from wide import wide_but

from fairhub.errors import UserError
from fairhub.inputs.gathering import gather
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.methods.erasure import items_of, sweep, without
from fairhub.methods.erasure.edit import Placed
from fairhub.studies.transfer.left_out import carried, names_of, refuse


def test_what_is_left_out_is_as_if_it_had_never_been_read(tmp_path: Path) -> None:
    import torch

    model = planted_model()
    data = gather((), (), None, write_text(tmp_path / "text.txt"), tokenizer(), SIZES)
    words = lexicon(tokenizer(), "search")
    items = items_of(tokenizer(), data.fit.cells, data.fit.traits, data.fit.choices, words, None)
    text = torch.randint(3, 100, (4, 16))
    seen, kept = without(dict(sweep(model, items, text)), items, lambda item: item.axis == "religion")
    assert len(kept) < len(items) and {item.axis for item in items} - {item.axis for item in kept} == {"religion"}
    alone = dict(sweep(model, kept, text))
    for key, reads in seen.items():
        assert np.allclose(reads.inputs, alone[key].inputs, atol=1e-5)
        assert np.allclose(reads.gradients, alone[key].gradients, atol=1e-6)
    assert Placed(kept).axes == [axis for axis in Placed(items).axes if axis != "religion"]


def test_words_of_a_dimension_that_is_left_out_judge_nobody(tmp_path: Path) -> None:
    data = gather((), (), None, write_text(tmp_path / "text.txt"), tokenizer(), SIZES)
    items = items_of(tokenizer(), data.fit.cells, (), (), lexicon(tokenizer(), "search"), None)
    for axes, mask in Placed(items, ["bad"]).judging().items():
        read = {name for item, counts in zip(items, mask, strict=True) if counts for name in item.reads}
        assert "bad" not in read and len(read) > 2
        assert axes and mask.any()


@pytest.mark.wide
def test_an_axis_that_an_edit_saw_falls_more_than_one_it_never_saw(tmp_path: Path) -> None:
    text = write_text(tmp_path / "text.txt")
    shown = carried(loaded(planted_model()), "axis", 10.0, text, SIZES, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "leave_out.json").read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert len(rows) >= 6 and all(f"| {name} |" in shown.replace("\\", "") for name in rows)
    moved = {name: (row["whole"]["change"]["value"], row["without"]["change"]["value"]) for name, row in rows.items()}
    assert np.mean([whole for whole, _ in moved.values()]) < 0
    assert np.mean([whole - alone for whole, alone in moved.values()]) < 0
    again = carried(loaded(planted_model()), "axis", 10.0, text, SIZES, tmp_path / "out")
    assert again == shown  # what was measured is read from the folder


@pytest.mark.parametrize("kind", wide_but(("group", "context", "dimension")))
def test_every_kind_has_its_rows(tmp_path: Path, kind: str) -> None:
    text = write_text(tmp_path / "text.txt")
    shown = carried(loaded(planted_model()), kind, 1.0, text, SIZES, tmp_path / "out")
    data = gather((), (), None, text, tokenizer(), SIZES)
    known = ["bad", "cold"] if kind == "dimension" else names_of(kind, data.fit.cells)
    assert any(f"| {name} |" in shown.replace("\\", "") for name in known)


@pytest.mark.parametrize(("kind", "strength"), [("planet", 1.0), ("axis", 0.0), ("axis", -1.0), ("axis", float("nan"))])
def test_what_cannot_be_left_out_is_refused(kind: str, strength: float) -> None:
    with pytest.raises(UserError, match="--leave-out|--strength"):
        refuse(kind, strength)
