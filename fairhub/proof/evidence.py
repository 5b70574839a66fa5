"""What stands behind the figures of an audit, from the measurements of `Prover.base`: examples, and words brought."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fairhub.inputs.data import Data
from fairhub.inputs.probes import PROVED
from fairhub.measure.judgement.examples import examples
from fairhub.measure.judgement.reading import Reading
from fairhub.model.loading import Loaded
from fairhub.proof.assembly import judged_before
from fairhub.report.evidence import Brought, Evidence, Example
from fairhub.report.record import Figure


def evidence_of(loaded: Loaded, data: Data, found: Mapping[str, np.ndarray], figures: Sequence[Figure]) -> Evidence:
    """Return the evidence of an audit; what is remembered gives the same.

    Args:
        loaded: The model, of which the tokenizer is asked.
        data: What was measured on.
        found: What `Prover.base` returned.
        figures: Made of the same.
    """
    shown = examples(_readings(loaded, data, found), figures)
    rows = json.loads(str(found["brought"][0])) if "brought" in found else []
    brought = (Brought(**(row | {"groups": (row["groups"][0], row["groups"][1])})) for row in rows)
    return Evidence(tuple(_bare(one, data.before) for one in shown), tuple(brought))


def _readings(loaded: Loaded, data: Data, found: Mapping[str, np.ndarray]) -> dict[str, Reading]:
    """Return what the model said after cells, by split, held_out first."""
    read = {before.cells[0].split: before for before, _ in judged_before(loaded, data, found)}
    return {split: read[split] for split in PROVED if split in read}


def _bare(example: Example, before: str) -> Example:
    """Return an example without what a prompt format puts in front of every text."""
    first, second = (text.removeprefix(before) for text in example.texts)
    return replace(example, texts=(first, second))
