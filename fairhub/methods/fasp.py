"""FASP (Zayed et al., AAAI 2024): protect the heads that matter for perplexity, remove those that leave least bias."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fairhub.methods.head_choice import pick
from fairhub.methods.head_scores import score_heads
from fairhub.methods.method import Method
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


FASP = Method(
    "fasp",
    fasp,
    "FASP (Zayed et al. 2024)",
    "Attention heads are removed whose removal lowers bias most, among those that matter least for perplexity.",
    ("zayed2024fasp",),
)
BIAS_ONLY = Method(
    "bias_only", bias_only, "bias only, a control", "Units were chosen by bias alone, whatever the cost.",
    ("zayed2024fasp",),
)  # fmt: skip
PPL_ONLY = Method(
    "ppl_only", ppl_only, "perplexity only, a control", "The heads that matter least for perplexity were removed.",
    ("zayed2024fasp",),
)  # fmt: skip
