"""Laws of two-sided erasure: what judgements read of groups goes, what must stay stays, and it can be made again."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from planted import (
    PLANTED,
    aligned_cells,
    judging,
    planted_model,
    tokenizer,
)
from tiny import ARCHITECTURES, architectures
from transformers import PreTrainedModel
from wide import wide_but
from zoo import ZOO

from fairhub.edit.healing import patched
from fairhub.errors import UserError
from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.measure.keep import LIMITS, limits_of
from fairhub.methods.erasure import (
    Erasure,
    Item,
    Reads,
    erase,
    erase_each,
    items_of,
    prices,
    sweep,
    sweep_bytes,
    sweep_tokens,
)
from fairhub.methods.erasure.edit import group_means
from fairhub.methods.erasure.items import contrast
from fairhub.methods.erasure.prices import FAMILIES, costs_of, takings
from fairhub.methods.erasure.solve import Term, least
from fairhub.model.architecture import sites
from fairhub.run.folder import Run

OUT, IN = 6, 8


def _outer(*rows: np.ndarray) -> np.ndarray:
    return sum((np.outer(row, row) for row in rows), np.zeros((len(rows[0]),) * 2))


def test_what_judgements_read_of_group_means_is_lost_and_what_must_stay_stays() -> None:
    rng = np.random.default_rng(0)
    weight, judged, fact, mean, other = (rng.normal(size=s) for s in ((OUT, IN), OUT, OUT, IN, IN))
    keep = [
        Term(1e-9 * np.eye(OUT), np.eye(IN)),  # everything a little: full rank
        Term(_outer(fact), 1e3 * _outer(mean)),  # the same groups' means, read by a fact
        Term(_outer(judged), 1e3 * _outer(other)),  # another input, read by the same judgement
    ]
    change = least(weight, [Term(_outer(judged), _outer(mean))], keep, strength=1.0)
    before = judged @ weight @ mean
    assert abs(judged @ (weight + change) @ mean) < 1e-5 * abs(before)
    assert abs(fact @ change @ mean) < 1e-5 * abs(before)
    assert abs(judged @ change @ other) < 1e-5 * abs(before)


def test_no_other_change_in_its_directions_is_better() -> None:
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(OUT, IN))
    harm = [Term(_outer(*rng.normal(size=(3, OUT))), _outer(*rng.normal(size=(2, IN))))]
    keep = [Term(np.eye(OUT), np.eye(IN)), Term(_outer(*rng.normal(size=(2, OUT))), _outer(*rng.normal(size=(2, IN))))]

    def cost(change: np.ndarray) -> float:
        def squares(terms: list[Term], moved: np.ndarray) -> float:
            return sum(float(np.trace(t.left @ moved @ t.right @ moved.T)) for t in terms)

        return 2.0 * squares(harm, weight + change) + squares(keep, change)

    best = least(weight, harm, keep, strength=2.0)
    assert np.linalg.matrix_rank(best, tol=1e-8) == 2  # as many as there are differences
    _, _, rights = np.linalg.svd(best)
    for _ in range(20):
        step = rng.normal(size=(OUT, 2)) @ rights[:2]
        assert cost(best) <= min(cost(best + 1e-3 * step), cost(best - 1e-3 * step)) + 1e-9


def test_the_change_is_the_solution_of_all_terms_together() -> None:
    rng = np.random.default_rng(4)
    weight, out_of, into = rng.normal(size=(OUT, IN)), partial(_moment, rng, OUT), partial(_moment, rng, IN)
    shared = out_of(OUT + 2)
    harm = [Term(out_of(3), _outer(rng.normal(size=IN))), Term(out_of(2), _outer(rng.normal(size=IN)))]
    keep = [Term(shared, into(20)), Term(out_of(4), into(5)), Term(shared, 3 * into(3)), Term(out_of(2), into(9))]
    for strength in (0.1, 2.0, 50.0):
        best = least(weight, harm, keep, strength)
        _, _, rights = np.linalg.svd(best)
        rows = rights[:2]  # the directions that it acts on; there all terms are solved as one system of equations
        pairs = [(t.left, strength * t.right) for t in harm] + [(t.left, t.right) for t in keep]
        system = sum((np.kron(left, rows @ right @ rows.T) for left, right in pairs), np.zeros((2 * OUT,) * 2))
        aim = -strength * sum(t.left @ weight @ t.right @ rows.T for t in harm)
        solved = np.linalg.solve(system, aim.ravel()).reshape(OUT, 2) @ rows
        assert np.allclose(best, solved, atol=1e-3 * np.abs(solved).max())


def _moment(rng: np.random.Generator, size: int, rows: int) -> np.ndarray:
    return _outer(*rng.normal(size=(rows, size)))


def test_a_stronger_erasure_leaves_less_and_costs_more() -> None:
    rng = np.random.default_rng(2)
    weight, judged, mean = rng.normal(size=(OUT, IN)), rng.normal(size=OUT), rng.normal(size=IN)
    harm, keep = [Term(_outer(judged), _outer(mean))], [Term(np.eye(OUT), np.eye(IN))]
    changes = [least(weight, harm, keep, strength) for strength in (0.0, 0.01, 0.1, 1.0)]
    left = [abs(judged @ (weight + change) @ mean) for change in changes]
    assert np.allclose(changes[0], 0) and left == sorted(left, reverse=True)
    assert [np.linalg.norm(change) for change in changes] == sorted(np.linalg.norm(change) for change in changes)


def test_a_whole_head_is_dearer_than_the_part_of_it_that_harms() -> None:
    model = planted_model()
    cells = aligned_cells("search", 60, ["gender", "religion"])
    items = items_of(tokenizer(), cells, (), (), lexicon(tokenizer(), "search"), None)
    text = torch.randint(3, len(tokenizer()), (8, 32), generator=torch.Generator().manual_seed(0))
    seen = dict(sweep(model, items, text))
    erasure = Erasure(strength=1.0)
    patch = erase(model, seen, items, erasure)
    found = prices(model, seen, items, erasure, patch)
    one, same, other = erase_each(model, seen, items, erasure, [0.3, 1.0, 3.0])
    assert all(torch.equal(same[key], weight) for key, weight in patch.items())  # whatever is asked beside it
    alone = erase(model, seen, items, replace(erasure, strength=0.3))
    assert all(torch.equal(one[key], alone[key]) for key in patch)
    assert any(not torch.equal(other[key], one[key]) for key in patch)
    assert [head.unit for head in found.chosen] == [PLANTED]  # it carries all of it
    assert 0 < found.erased < found.whole and found.share * found.whole >= found.erased and found.times > 2
    assert str(PLANTED) in str(found)
    (row,) = found.rows()
    assert row["head"] == str(PLANTED) and row["harm"] > 0.9
    assert row["text"] == pytest.approx(found.times)  # without items of meaning or merit text alone must stay
    assert set(found.costs) == set(FAMILIES) and {name for name, cost in found.costs.items() if cost} == {"text"}
    assert found.reliability["what heads take of the harm, halves of the texts"] > 0.5


def test_what_a_head_takes_and_costs_is_what_its_removal_does() -> None:
    rng, model = np.random.default_rng(5), planted_model()
    site = next(site for site in sites(model) if site.kind == "head")
    weight = rng.normal(size=site.weight.shape)
    out_of, into = (partial(_moment, rng, size) for size in weight.shape)
    harm = [Term(out_of(5), into(3)), Term(out_of(2), into(9))]
    keep = [Term(out_of(7), into(30), "text"), Term(out_of(3), into(4), "merit"), Term(out_of(3), into(4), "text")]

    def squares(terms: list[Term], moved: np.ndarray) -> float:
        return sum(float(np.trace(t.left @ moved @ t.right @ moved.T)) for t in terms)

    for index, (taken, costs) in enumerate(zip(takings(site, weight, harm), costs_of(site, weight, keep), strict=True)):
        gone = np.zeros_like(weight)
        columns = site.columns([index]).numpy()
        gone[:, columns] = -weight[:, columns]
        assert taken == pytest.approx(squares(harm, weight) - squares(harm, weight + gone))
        for name in ("text", "merit"):
            assert costs[name] == pytest.approx(squares([t for t in keep if t.family == name], gone))


def test_group_means_take_chance_off() -> None:
    rng = np.random.default_rng(3)
    pairs, cells = 60, 24  # many pairs of groups that differ by chance alone
    couples = [np.arange(2 * cells * n, 2 * cells * (n + 1)).reshape(cells, 2) for n in range(pairs)]
    noise = rng.normal(size=(2 * cells * pairs, IN))
    raw = np.mean([np.sum((noise[c[:, 0]] - noise[c[:, 1]]).mean(0) ** 2) for c in couples])
    assert np.trace(group_means(couples, noise)) < 0.4 * raw  # the spread of its spectrum, cut at 0
    told = noise + 2.0 * (np.arange(len(noise)) % 2 == 0)[:, None]
    assert np.trace(group_means(couples, told)) == pytest.approx(4.0 * IN, rel=0.1)
    assert not group_means([couple[:3] for couple in couples], told).any()  # three cells say nothing of a mean


def test_gradients_say_what_an_edit_does() -> None:
    model = planted_model()
    ids = tokenizer()("people").input_ids
    item = Item(tuple(ids), "judged", "gender", "women", 0, (5, 9), np.array([1.0, -1.0]))
    assert len(ids) == 1  # an edit acts at every token; here there is one
    text = torch.arange(32).reshape(1, 32) + 3
    seen = dict(sweep(model, [item], text))

    def read() -> float:
        logits = model(torch.tensor([ids])).logits[0, -1].double()
        return float(logits[5] - logits[9])

    noise = torch.Generator().manual_seed(0)
    for site in (s for s in sites(model) if s.kind == "head"):
        reads, key = seen[site.layer, site.kind], (site.layer, site.kind)
        step = 1e-2 * torch.randn(site.weight.shape, generator=noise)
        expected = float(reads.gradients[0] @ step.numpy() @ reads.inputs[0])
        base, weight, moved = read(), site.weight.detach().clone(), []
        for sign in (1, -1):  # both ways: what is of second order goes
            with patched(model, {key: weight + sign * step}):
                moved.append(read() - base)
        assert (moved[0] - moved[1]) / 2 == pytest.approx(expected, rel=0.05, abs=1e-5)


def test_what_a_sweep_keeps_on_the_disk_is_forecast(tmp_path, monkeypatch) -> None:
    model, text = planted_model(), torch.randint(3, 100, (9, 16))
    items = [Item((3 + n, 4, 5), "judged", "gender", "", n, (5, 9), np.array([1.0, -1.0])) for n in range(40)]
    items += [replace(item, kind="meaning") for item in items]
    sizes: list[int] = []
    held = dict(sweep(model, items, text))
    monkeypatch.setattr(sys.modules["fairhub.methods.erasure.sweep"], "_SUMS", 0)

    def measured(_: int) -> None:
        sizes.append(sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()))

    for key, reads in sweep(model, items, text, measured, tmp_path):
        measured(0)
        assert all(np.array_equal(values, getattr(held[key], name)) for name, values in vars(reads).items())
    assert sweep_bytes(model, items) / 2 < max(sizes) <= sweep_bytes(model, items)
    assert sizes[-1] < max(sizes) and not list(tmp_path.iterdir())  # a place that was fetched is gone, in the end all


def test_a_sweep_is_read_back_as_it_was_and_sums_all_that_was_given(tmp_path) -> None:
    model = planted_model()
    text = torch.randint(3, 100, (9, 16))
    items = [Item((3 + n, 4, 5), "recall", "gender", "", -1, (5, 9), np.array([1.0, -1.0])) for n in range(7)]
    seen = dict(sweep(model, items, text))
    one = seen[0, "head"]
    assert (one.text, one.early, len(one.inputs)) == (9 * 16, 7 * 2, 7)
    made = {"0_head": vars(seen[0, "head"])}
    again = Reads.of(Run(tmp_path / "run", {}, False).parts("reads", list(made), made.items)["0_head"])
    for name, values in vars(one).items():
        assert np.array_equal(values, getattr(again, name)) and type(values) is type(getattr(again, name))
    alone = dict(sweep(model, items[:1], text))[0, "head"]
    assert np.allclose(alone.gradients[0], one.gradients[0], atol=1e-6)  # whatever else is read beside it


def test_a_contrast_is_one_and_the_same_always() -> None:
    words = lexicon(tokenizer(), "search")
    drawn = [contrast(words, f"text {n}") for n in range(40)]
    assert all(abs(weights.sum()) < 1e-9 for weights in drawn)
    assert np.array_equal(contrast(words, "text 3"), drawn[3]) and not np.array_equal(drawn[3], drawn[4])
    assert {int((weights != 0).sum()) == len(words.words) for weights in drawn} == {True, False}  # of both kinds


def _fact(
    model: PreTrainedModel, cells: Sequence[Cell], tokens: Sequence[int], negative: list[int], positive: list[int]
) -> np.ndarray:
    """Weights of these tokens, sum 0, that read what parts the cells' groups most beside what judgements read."""
    with torch.inference_mode():
        texts = [[torch.tensor([tokenizer()(text).input_ids]) for _, text in cell.texts] for cell in cells]
        rows = [[model.base_model(ids).last_hidden_state[0, -1] for ids in row] for row in texts]
    apart = torch.stack([one - other for row in rows for one in row[:1] for other in row[1:]]).double().numpy()
    output = model.get_output_embeddings().weight.detach().double().numpy()
    judged = output[negative].mean(0) - output[positive].mean(0)
    judged /= np.linalg.norm(judged)
    told = np.linalg.svd(apart - np.outer(apart @ judged, judged))[2][0]
    told -= (told @ judged) * judged
    reads = np.vstack([output[list(tokens)].T, np.ones(len(tokens))])
    return np.asarray(np.linalg.lstsq(reads, np.append(told, 0.0), rcond=None)[0])


def test_through_one_head_the_judgement_goes_and_the_fact_stays() -> None:
    """A group's name drives a judgement and a fact through the planted head alone; the fact is among what must stay."""
    model = planted_model()
    negative, positive = judging()
    rng, fact = np.random.default_rng(0), tuple(range(400, 440))
    cells = aligned_cells("search", 60, ["gender", "religion"])
    ask = _fact(model, cells, fact, negative, positive)
    judged = items_of(tokenizer(), cells, (), (), lexicon(tokenizer(), "search"), None)
    words = (*negative, *positive)
    for item in judged:  # read by these words alone, each by a half of them
        object.__setattr__(item, "tokens", words)
        sides = [rng.permutation(len(part))[: len(part) // 2] for part in (negative, positive)]
        weights = np.zeros(len(words))
        weights[sides[0]], weights[len(negative) + sides[1]] = 1 / len(sides[0]), -1 / len(sides[1])
        object.__setattr__(item, "weights", weights)
    facts = [replace(item, kind="meaning", cell=-1, tokens=fact, weights=ask) for item in judged]
    items = [*judged, *facts]
    text = torch.randint(3, len(tokenizer()), (64, 32), generator=torch.Generator().manual_seed(0))

    def gaps() -> tuple[float, float]:
        rows = {"judgement": [], "fact": []}  # type: ignore[var-annotated]
        with torch.inference_mode():
            for cell in cells:
                said = [model(torch.tensor([tokenizer()(t).input_ids])).logits[0, -1].log_softmax(-1)
                        for _, t in cell.texts]  # fmt: skip
                for log_p in said[1:]:
                    moved = (said[0] - log_p).double()
                    rows["judgement"].append(float(moved[negative].mean() - moved[positive].mean()))
                    rows["fact"].append(float(moved[list(fact)] @ torch.tensor(ask)))
        return tuple(float(np.square(values).mean()) for values in rows.values())  # type: ignore[return-value]

    before, seen = gaps(), dict(sweep(model, items, text))
    after = {}
    for name, keep in (("kept", 3.0), ("free", 1e-6)):
        with patched(model, erase(model, seen, items, Erasure(strength=10.0, broad=0.0, keep=keep, text=0.03))):
            after[name] = gaps()
    assert max(gap for gap, _ in after.values()) < 0.35 * before[0]
    assert 0.55 * before[1] < after["kept"][1] < 1.3 * before[1]
    assert after["free"][1] < 0.25 * before[1]  # the fact goes too where it is not among what must stay


def test_limits_are_those_that_a_user_set() -> None:
    assert limits_of("") == dict(LIMITS)
    assert limits_of("0.03", 0.01) == dict.fromkeys(LIMITS, 0.03) | {"perplexity": 0.01}
    found = limits_of("merit=0.2, recall=0.01")
    assert (found["merit"], found["merit_gap"], found["recall"], found["meaning"]) == (0.2, 0.2, 0.01, 0.05)


@pytest.mark.parametrize("keep", ["x=0.1", "merit=", "merit=2", "0", "-1", "nan", "merit=a", "1e999"])
def test_limits_that_mean_nothing_are_refused_by_name(keep: str) -> None:
    with pytest.raises(UserError, match="--keep"):
        limits_of(keep)


@pytest.mark.parametrize("name", architectures())
def test_every_architecture_is_swept_edited_and_reads_less(name: str) -> None:
    model = planted_model(name)
    cells = aligned_cells("search", 60, ["gender", "religion"])
    words = lexicon(tokenizer(), "search")
    items = items_of(tokenizer(), cells, (), (), words, None)
    text = torch.randint(3, len(tokenizer()), (4, 24), generator=torch.Generator().manual_seed(0))
    patch = erase(model, dict(sweep(model, items, text)), items, Erasure(strength=100.0, text=0.01))

    def spread() -> float:
        """Mean square of the contrasts' differences between the texts of a cell."""
        with torch.inference_mode():
            said = [model(torch.tensor([item.ids])).logits[0, -1].double() for item in items]
        read: dict[int, list[float]] = {}
        weights = contrast(words, "one for all")
        for item, logits in zip(items, said, strict=True):
            read.setdefault(item.cell, []).append(float(logits[list(item.tokens)] @ torch.tensor(weights)))
        return float(np.mean([(row[0] - row[1]) ** 2 for row in read.values()]))

    before = spread()
    with patched(model, patch):
        assert spread() < 0.25 * before
    assert spread() == before


@pytest.mark.parametrize("name", wide_but(sorted(ARCHITECTURES | ZOO), "llama", "bloom"))
def test_last_tokens_are_read_alike_with_and_without_what_stands_before_them(name: str) -> None:
    """Inputs and gradients where texts end, with shared beginnings, are those of whole texts side by side."""
    model = (ARCHITECTURES | ZOO)[name](vocab_size=96).requires_grad_(False).eval()
    random = np.random.default_rng(0)
    beginnings = (tuple(range(5, 13)), tuple(range(20, 30)))
    texts = [beginnings[i % 2] + tuple(random.integers(3, 90, size=random.integers(0, 9)).tolist()) for i in range(24)]
    words, weights = (4, 5, 6), np.array([1.0, -0.5, -0.5])
    apart = [Item(ids, "judged", "gender", "a", i, words, weights) for i, ids in enumerate([*texts, (7,)])]
    whole = [replace(item, kind="meaning") for item in apart]  # what must stay is computed whole
    text = torch.arange(32).reshape(2, 16) + 3
    shared, alone = (dict(sweep(model, items, text)) for items in (apart, whole))
    assert sweep_tokens(apart, text) < sweep_tokens(whole, text)
    for key, reads in shared.items():
        for part in ("inputs", "gradients"):
            expected = getattr(alone[key], part)
            assert np.abs(getattr(reads, part) - expected).max() <= 1e-5 * np.abs(expected).max(), (key, part)
        assert alone[key].early and not reads.early_inputs.any()
