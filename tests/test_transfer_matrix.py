"""The matrix of transfer: what is coloured, how sure its cells are, and what is kept of a context left out."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import planted
import pytest

from fairhub.plots.transfer import matrix
from fairhub.stats.statistics import Interval
from fairhub.studies.transfer.ground import Ground
from fairhub.studies.transfer.matrix import _interval, document, elsewhere, entry, kept
from fairhub.studies.transfer.rows import Row
from fairhub.studies.transfer.rulers import PairRuler


def ground_of(values, contexts="ab"):
    probes = [replace(planted.shipped()[0], context=c, template=f"{c}{i}") for c in contexts for i in range(6)]
    ground = replace(of_ground(), contexts=tuple(contexts), ruler=PairRuler(probes))
    measured = {"divergence": np.concatenate([np.full(6, values[c]) for c in contexts])}
    return ground, measured


def of_ground():
    base = SimpleNamespace(documents={"held_out": ("one", "one", "two", "three")})
    return Ground((), (), base, None)  # type: ignore[arg-type]


def fixed_row(name, contexts, **values):
    return Row("robust", name, tuple(contexts), ground_of(values, "".join(values))[1], np.ones((2, 4)), 1, 0, False)


def test_what_chance_may_have_made_has_no_colour():
    def cell(value, p):
        change = {"relative": value, "low": 0.1, "high": 0.3, "p": p}  # intervals that all leave 0 out
        return {"method": "robust", "repaired_on": "a", "measured_on": f"{value}", "change": change}

    cells = [cell(-0.5, 0.001), cell(0.9, 0.04), cell(2.0, 0.012), cell(None, 0.0001)]
    found = {"cells": cells, "contexts": [c["measured_on"] for c in cells], "figure": "divergence"}
    axes = matrix(found).axes[0]
    assert axes.images[0].get_array().tolist() == [[-0.5, 0.9, 1.0, 0.0]]
    assert [text.get_text() for text in axes.texts] == ["-50", "+90", "+200", "-"]
    cells += [cell(3.0, 0.9)] * 3  # with more cells to look at, the same p says less
    more = matrix(found | {"contexts": [c["measured_on"] for c in cells]})
    assert more.axes[0].images[0].get_array().tolist()[0][:4] == [-0.5, 0.0, 0.0, 0.0]
    assert any("all 7 cells (Holm)" in text.get_text() for text in (*more.texts, *more.axes[0].texts))


def test_intervals_of_a_matrix_count_their_clusters():
    ground, base = ground_of({"a": 1.0, "b": 2.0}, "ab")
    assert [ground.ruler.clusters(c) for c in "ab"] == [6, 6]
    probes = [p for p in ground.ruler.probes if p.template not in ("b3", "b4", "b5")]
    fewer = replace(ground, ruler=PairRuler(probes))
    assert fewer.ruler.clusters("b") == 3
    draws = np.concatenate([[0.0], np.random.default_rng(0).normal(size=1000)])
    six, three = (_interval(draws, ground, "ab"), _interval(draws, fewer, "ab"))
    assert three.high - three.low > 1.2 * (six.high - six.low)  # three clusters are less sure than six


def test_contexts_share_draws_only_where_they_share_what_is_drawn():
    probes = [replace(planted.shipped()[0], context=c, template=f"{c}{i}") for c in "ab" for i in range(12)]
    values = {"divergence": np.tile(np.random.default_rng(0).gamma(2.0, 1.0, 12), 2)}
    a, b = (PairRuler(probes).sizes(values, c)[1:] for c in "ab")
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.15
    same = [replace(p, template=p.template[1:]) for p in probes]  # positive control: the same templates in both
    a, b = (PairRuler(same).sizes(values, c)[1:] for c in "ab")
    assert np.array_equal(a, b)


def test_a_cell_of_many_can_have_a_small_p():
    ground, base = ground_of({"a": 1.0}, "a")
    probes = [replace(ground.ruler.probes[0], template=f"a{i}") for i in range(24)]
    before = {"divergence": np.linspace(1.0, 2.0, 24)}
    after = {"divergence": np.linspace(0.5, 1.0, 24)}
    assert PairRuler(probes).change(before, after, "a").p < 0.05 / 500


def test_what_is_kept_is_the_reduction_out_over_the_reduction_in():
    ground, base = ground_of({"a": 1.0, "b": 2.0, "c": 4.0}, "abc")
    rows = [fixed_row(c, c, a=0.2, b=0.4, c=0.8) for c in "abc"]  # -80 % everywhere
    rows += [fixed_row(f"all but {c}", set("abc") - {c}, a=0.4, b=0.8, c=1.6) for c in "abc"]  # -60 %
    found = kept(ground, base, rows)
    assert found is not None and found.value == pytest.approx(0.75) and found.low <= 0.75 <= found.high
    assert elsewhere(ground, base, rows[0]) == Interval(*[pytest.approx(-0.8)] * 3)
    assert kept(ground, base, rows[:-1]) is None
    entries = [entry(ground, base, row) for row in rows[:2]]
    said = document(ground, base, entries, {"id": "m"}, {})["sentences"]["robust"][0]
    assert said.startswith("Repaired for a: divergence -80 % [-80 %, -80 %] there") and "expect -80 %" in said
    idle = replace(rows[0], heads=0, measured=base)
    said = document(ground, base, [entry(ground, base, idle)], {"id": "m"}, {})["sentences"]["robust"][0]
    assert said == "Nothing was found to remove for a."
    worse = [fixed_row(row.name, row.contexts, a=2.0, b=4.0, c=8.0) for row in rows]
    assert kept(ground, base, worse) is None
