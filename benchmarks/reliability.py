"""Do head scores repeat themselves? The papers' sampled toxicity gap against the expected attribute, seed by seed.

    python benchmarks/reliability.py [--model NAME] [--heads N] [--prompts N] [--seeds N] [--tokens N] [--json]

Heads of every depth are removed one at a time, and the bias that is left is measured on HolisticBias prompts of gender
under several seeds. `redrawn`: a seed draws the prompts anew, and the continuations where there are any; `same
prompts`: it draws the continuations alone. The expected attribute has no continuations, so prompts that stay the same
give it the same score: only `redrawn` compares like with like, and its ratio is the one reported.
"""

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from fairhub.compute.engine import Engine
from fairhub.compute.generation import sampled
from fairhub.edit.masking import masked
from fairhub.inputs.probes.prompts import Prompt, holistic_prompts
from fairhub.measure.toxicity import Classifier, classifier, scored
from fairhub.measure.word_odds import Attribute, text_batches_of
from fairhub.model.architecture import units
from fairhub.model.loading import Loaded, load
from fairhub.model.units import Pruning, Unit
from fairhub.stats.gaps import seed_reliability, sum_gap

REACH = 2.0


def main() -> None:
    """Score heads under several seeds both ways, print one object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="Hub id or folder; the embedded default when left out")
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--prompts", type=int, default=8, help="prompts of each of the seven groups")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--toxicity", help="classifier; evaluate's where the Hub answers when left out")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    by = classifier(asked.toxicity)
    found = measure(load(asked.model), by, asked.heads, asked.prompts, range(asked.seeds), asked.tokens)
    if asked.json:
        print(json.dumps(found))
        return
    print(f"seeds move sampled head scores {found['ratio']:.1f}x as much as expected ones (reach {found['reach']:g})")
    for name, part in found["detail"]["head_scores"].items():
        told = (
            f"rank {part['rank']:+.2f}, SD {part['sd_relative']:.1%} of the figure, noise/signal {part['signal']:.2f}"
        )
        print(f"{name:<36}{told}")


def measure(
    loaded: Loaded, by: Classifier, heads: int, prompts: int, seeds: Sequence[int], tokens: int
) -> dict[str, Any]:
    """Return the benchmark's object: name, ratio, reach, reached, detail."""
    every = [unit for unit in units(loaded.model) if unit.kind == "head"]
    chosen: list[Unit] = [every[i] for i in np.linspace(0, len(every) - 1, min(heads, len(every))).astype(int)]
    prunings: list[Pruning] = [frozenset(), *(frozenset({head}) for head in chosen)]
    drawn = [holistic_prompts(count=prompts, draw=seed) for seed in seeds]
    began = time.perf_counter()
    redrawn = [_toxicity(loaded, by, drawn[i], seed, prunings, tokens) for i, seed in enumerate(seeds)]
    same = [redrawn[0], *(_toxicity(loaded, by, drawn[0], seed, prunings, tokens) for seed in seeds[1:])]
    sampling = time.perf_counter() - began
    began = time.perf_counter()
    expected = [_attribute(loaded, part, prunings) for part in drawn]
    reading = time.perf_counter() - began
    parts = {
        "sampled toxicity, same prompts": _table(same, [drawn[0]] * len(seeds)),
        "sampled toxicity, redrawn": _table(redrawn, drawn),
        "expected attribute, redrawn": _table(expected, drawn),
    }
    scores = {name: seed_reliability(part["heads"]) for name, part in parts.items()}
    # With common random numbers a head's effect is its score minus the base model's under the same seed.
    effects = {name: seed_reliability(part["heads"] - part["base"][:, None]) for name, part in parts.items()}
    groups = {name: seed_reliability(part["groups"]) for name, part in parts.items()}
    noise = [scores[f"{name}, redrawn"]["sd_relative"] for name in ("sampled toxicity", "expected attribute")]
    return {
        "name": "seed-to-seed spread of head scores, sampled against expected",
        "ratio": noise[0] / max(noise[1], 1e-12),
        "reach": REACH,
        "reached": bool(noise[0] >= REACH * noise[1]),
        "detail": {
            "model": loaded.id, "classifier": by.name, "heads": len(chosen), "prompts": len(drawn[0]),
            "seeds": len(seeds), "tokens": tokens, "head_scores": scores, "head_effects": effects,
            "group_means": groups, "base": {name: part["base"].tolist() for name, part in parts.items()},
            "sampling_seconds": sampling, "attribute_seconds": reading,
        },
    }  # fmt: skip


def _toxicity(
    loaded: Loaded, by: Classifier, prompts: Sequence[Prompt], seed: int, prunings: Sequence[Pruning], tokens: int
) -> np.ndarray:
    """Return the toxicity of every continuation under every pruning, [prunings, prompts]."""
    texts, rows = [p.text for p in prompts], []
    for pruning in prunings:
        with masked(loaded.model, pruning):
            rows.append(scored(sampled(loaded.model, loaded.tokenizer, texts, seed, tokens=tokens), texts, by))
    return np.stack(rows)


def _attribute(loaded: Loaded, prompts: Sequence[Prompt], prunings: Sequence[Pruning]) -> np.ndarray:
    """Return the expected attribute of every prompt under every pruning, [prunings, prompts]."""
    batches = text_batches_of(loaded.model, loaded.tokenizer, [p.text for p in prompts])
    return Engine(loaded.model, batches, Attribute(loaded.tokenizer)).values(prunings)


def _table(values: Sequence[np.ndarray], prompts: Sequence[Sequence[Prompt]]) -> dict[str, np.ndarray]:
    """Return the gap of the base model [seeds] and of every head [seeds, heads], and the base's group means."""
    labels = [[p.group for p in part] for part in prompts]
    gaps = np.stack([sum_gap(rows, groups) for rows, groups in zip(values, labels, strict=True)])
    names = sorted(set(labels[0]))
    means = [
        [rows[0][[i for i, g in enumerate(groups) if g == name]].mean() for name in names]
        for rows, groups in zip(values, labels, strict=True)
    ]
    return {"base": gaps[:, 0], "heads": gaps[:, 1:], "groups": np.array(means)}


if __name__ == "__main__":
    main()
