"""The terms of an edit: what control pairs say is kept by a weight of its own, and costs are told apart by family."""

import numpy as np

from fairhub.inputs.judgement.cells import of_control
from fairhub.inputs.probes import CONTROL, templates
from fairhub.methods.erasure import Erasure, Item
from fairhub.methods.erasure.edit import Placed, terms
from fairhub.methods.erasure.solve import least
from fairhub.methods.erasure.sweep import Reads

OUT, IN = 6, 8


def seen() -> tuple[Reads, list[Item], np.ndarray]:
    """A projection where control pairs differ along what groups differ in, and a direction of their own."""
    rng = np.random.default_rng(0)
    group, judged = rng.normal(size=IN), rng.normal(size=OUT)
    items, inputs, gradients = [], [], []
    for kind, axis, cells, along in (("judged", "gender", 40, 1.0), ("control", "control", 30, 0.6)):
        for cell in range(cells):
            base = rng.normal(size=IN)
            for side in (0, 1):
                number = cell + 1000 * (kind == "control")
                items.append(Item((1,), kind, axis, f"{axis} {side}", number, (5, 9), np.array([1.0, -1.0])))
                inputs.append(base + side * along * group + 0.2 * rng.normal(size=IN))
                gradients.append(judged + 0.2 * rng.normal(size=OUT))
    text_in, text_out = rng.normal(size=(200, IN)), rng.normal(size=(200, OUT))
    early = np.zeros((IN, IN)), np.zeros((OUT, OUT))
    reads = Reads(np.array(inputs), np.array(gradients), *early, text_in.T @ text_in, text_out.T @ text_out, 0, 200)
    return reads, items, group


def test_more_weight_on_control_pairs_leaves_more_of_their_reaction_and_they_judge_nobody():
    reads, items, group = seen()
    weight, known = np.random.default_rng(1).normal(size=(OUT, IN)), Placed(items)
    apart = known.differences("control", reads.inputs)
    assert len(apart) == 30 and not known.judged[known.kind == "control"].any()
    moved, left = [], []
    for control in (0.0, 1.0, 14.0, 200.0):
        harm, keep = terms(reads, known, Erasure(strength=1.0, control=control))
        assert {term.family for term in keep} == {"text", "control"} and not any(term.family for term in harm)
        change = least(weight, harm, keep, 1.0)
        moved.append(float(((apart @ change.T) ** 2).sum()))
        left.append(float(np.abs((weight + change) @ group).sum()))
    assert moved == sorted(moved, reverse=True) and moved[3] < 0.5 * moved[0]
    assert left[0] < np.abs(weight @ group).sum()  # positive control: something was erased


def test_control_pairs_of_search_are_cells_of_their_own_family():
    probes = [p for p in templates() if p.split == "search"]
    cells = of_control(probes)
    assert cells and {cell.axis for cell in cells} == {CONTROL}
    assert len(cells) == sum(p.axis == CONTROL for p in probes)
    assert all(len(cell.texts) == 2 and cell.split == "search" for cell in cells)
