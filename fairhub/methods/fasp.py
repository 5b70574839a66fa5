"""FASP (Zayed et al., AAAI 2024): protect the heads that matter for perplexity, remove those that leave least bias."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fairhub.errors import UserError
from fairhub.methods.head_choice import pick
from fairhub.methods.head_scores import score_heads
from fairhub.methods.outcome import Outcome
from fairhub.search.task import Plan, Task

GAMMAS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""FASP's grid of gamma, the share of heads that are protected."""


def fasp(task: Task, plan: Plan) -> Outcome:
    """Score every head by bias and by loss after removing it alone; choose gamma, and alpha unless fixed, on select."""
    scores = score_heads(task, plan.bias)
    rankings = {
        gamma: [scores.heads[i] for i in removable(scores.bias, scores.loss, gamma)] for gamma in GAMMAS
    }  # fmt: skip
    return replace(pick(task, plan, rankings, len(scores.heads), scores.reliability), settled=scores.settled)


def bias_only(task: Task, plan: Plan) -> Outcome:
    """FASP without protection: the heads that leave the least bias go (Zayed et al. 2024, a baseline)."""
    scores = score_heads(task, plan.bias)
    ranking = [scores.heads[i] for i in removable(scores.bias, scores.loss, 0.0)]
    return replace(pick(task, plan, {0.0: ranking}, len(scores.heads), scores.reliability), settled=scores.settled)


def ppl_only(task: Task, plan: Plan) -> Outcome:
    """The heads that leave the lowest perplexity go (Zayed et al. 2024, a baseline)."""
    scores = score_heads(task, plan.bias)
    ranking = [scores.heads[i] for i in removable(scores.loss, scores.loss, 0.0)]
    return pick(task, plan, {0.0: ranking}, len(scores.heads), {})


def removable(bias: Sequence[float] | np.ndarray, perplexity: Sequence[float] | np.ndarray, gamma: float) -> list[int]:
    """Return the heads that FASP may remove, first to go first: FASP(gamma, alpha) removes the first int(alpha N).

    Of N heads the int(gamma N) with the highest perplexity after removal are protected; the others go by their bias
    after removal, lowest first (Zayed et al. 2024, section 4; rounding as in the published code). Where values tie,
    the lower index goes first; the published code removes every head that ties with the last, and so more than k.

    Args:
        bias: [heads] bias after removing each head alone.
        perplexity: [heads] perplexity (or loss) after removing each head alone.
        gamma: The share protected.
    """
    heads = len(bias)
    assert heads == len(perplexity), f"{heads} heads have {len(perplexity)} perplexities"
    by_perplexity = sorted(range(heads), key=lambda i: (perplexity[i], i))
    free = by_perplexity[: heads - int(heads * gamma)]
    return sorted(free, key=lambda i: (bias[i], i))


def read_head_scores(path: Path, group: str = "gender_and_sex", split: str = "valid") -> tuple[np.ndarray, np.ndarray]:
    """Read bias and perplexity after the removal of each head from a table in the format FASP published.

    A row is one head removed under one seed: `Head id` (from 1, layer by layer), `Seed`, `Split`, `Group`, `Bias` and
    `PPL`; other columns are not read. Seeds are averaged.

    Returns:
        Bias and perplexity, [heads] each, heads from 0.

    Raises:
        UserError: The file is no such table, or a head is missing.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [r for r in csv.DictReader(file) if (r["Group"], r["Split"]) == (group, split)]
        found: dict[int, list[tuple[float, float]]] = {}
        for row in rows:
            found.setdefault(int(row["Head id"]) - 1, []).append((float(row["Bias"]), float(row["PPL"])))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UserError(f"a table of head scores has FASP's columns; {path.name}: {error!r}; mend it") from error
    if not found or sorted(found) != list(range(len(found))):
        raise UserError(f"a table of head scores has every head of {group}, {split}; {path.name} lacks some; add them")
    means = np.array([np.mean(found[head], axis=0) for head in range(len(found))])
    return means[:, 0], means[:, 1]
