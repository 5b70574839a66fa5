"""FASP and its controls end to end: planted bias is what goes, equal k is equal, heads scored by every bias."""

import dataclasses

import numpy as np
import planted
import pytest
import torch
from planted import PLAN, PLANTED, SIZES

import fairhub.methods.head_bias as head_bias_module
from fairhub.compute.engine import token_loss
from fairhub.edit.masking import masked
from fairhub.errors import UserError
from fairhub.inputs.gathering import gather
from fairhub.inputs.judgement.cells import Cell
from fairhub.measure.toxicity import Classifier
from fairhub.methods import METHODS, head_choice, head_scores
from fairhub.methods.head_bias import head_bias, squared_gaps
from fairhub.methods.head_scores import score_heads
from fairhub.pipeline import repair, task_of
from fairhub.request import Request
from fairhub.run.folder import Run

pytestmark = pytest.mark.usefixtures("brief")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return planted.write_text(tmp_path_factory.mktemp("text") / "neutral.txt", without_terms=True)


@pytest.fixture(scope="module")
def data(text):
    return gather((), (), None, text, planted.tokenizer(), SIZES)


@pytest.fixture
def task(data, tmp_path):
    return task_of(planted.loaded(planted.planted_model()), data, Run(tmp_path / "run", {}, resume=True))


def test_planted_head_is_scored_lowest_and_remembered(task, monkeypatch):
    scores = score_heads(task, "divergence")
    assert scores.heads[int(np.argmin(scores.bias))] == PLANTED
    with masked(task.model, frozenset({PLANTED})), torch.no_grad():
        (batch,) = head_scores.neutral(task)
        expected = float(token_loss(task.model(batch.ids).logits, batch).mean())
    assert scores.loss[scores.heads.index(PLANTED)] == pytest.approx(expected, rel=1e-5)
    assert scores.reliability["template_heads"] > 0.3
    monkeypatch.setattr(head_scores.Engine, "values", lambda *_: pytest.fail("measured again"))
    again = score_heads(task, "divergence")
    assert (again.bias == scores.bias).all() and (again.loss == scores.loss).all()


def test_an_unknown_bias_is_refused(task):
    with pytest.raises(UserError, match="divergence, attribute, toxicity, judgement"):
        score_heads(task, "charm")


@pytest.mark.parametrize("method", ["fasp", pytest.param("bias_only", marks=pytest.mark.wide)])
def test_planted_bias_is_what_goes(method, text, tmp_path):
    request = Request(method=method, text=text, plan=PLAN, sizes=SIZES)
    made = repair(planted.loaded(planted.planted_model()), request, tmp_path / method)
    assert made.pruning == [{"kind": "head", "layer": PLANTED.layer, "index": PLANTED.index}]
    assert made.figure("divergence", "held_out").change.relative_high < -0.5
    assert made.healing is None and made.verdict.startswith("Repaired")


@pytest.mark.wide
def test_a_fair_model_is_left_alone(text, tmp_path):
    request = Request(method="fasp", text=text, plan=PLAN, sizes=SIZES)
    made = repair(planted.loaded(planted.fair_model()), request, tmp_path / "fair")
    assert made.pruning == []


@pytest.mark.parametrize("count", [1, 3])
def test_equal_k_is_equal(task, count):
    plan = dataclasses.replace(PLAN, units=count)
    chosen = {n: method(task, plan).repair.pruning for n, method in METHODS.items() if n in PAPERS}
    assert set(chosen) == PAPERS
    assert {len(pruning) for pruning in chosen.values()} == {count}
    assert all(unit.kind == "head" for pruning in chosen.values() for unit in pruning)
    assert PLANTED in chosen["fasp"] and PLANTED in chosen["bias_only"]
    assert len(set(chosen.values())) > 1


PAPERS = {"fasp", "bias_only", "ppl_only", "random", "magnitude", "mask_gradient"}


def test_more_heads_than_there_are(task):
    with pytest.raises(UserError, match="heads standing"):
        METHODS["random"](task, dataclasses.replace(PLAN, units=8))
    with pytest.raises(UserError, match="heads standing"):
        METHODS["random"](task, dataclasses.replace(PLAN, units=0))


def test_random_heads_follow_the_seed(task):
    drawn = [METHODS["random"](task, dataclasses.replace(PLAN, units=3, seed=s)).repair.pruning for s in (0, 0, 1, 2)]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 1


def test_many_candidates_are_looked_at_and_the_good_ranking_is_kept(task, tmp_path):
    singles = {frozenset({head}): number / 10 for number, head in enumerate(head_scores.heads_of(task))}
    best = singles[frozenset({PLANTED})]
    looked = head_choice._looked(task, PLAN, singles)
    assert len(looked.kept) == head_choice.KEPT and next(iter(looked.kept)) == best
    assert len(looked.rows) == len(singles) and all({"setting", "bias", "perplexity"} == set(r) for r in looked.rows)
    dear = head_choice._looked(task, dataclasses.replace(PLAN, budget=1e-9), singles)
    assert dear.kept != looked.kept  # positive control: the budget counts
    any_price = [dataclasses.replace(PLAN, units=1, budget=budget) for budget in (1e-9, 1e9)]  # as it promises
    assert head_choice._looked(task, any_price[0], singles) == head_choice._looked(task, any_price[1], singles)
    blind = dataclasses.replace(task, select_text=(), run=Run(tmp_path / "blind", {}, resume=True))
    assert head_choice._looked(blind, PLAN, singles).kept == looked.kept  # the budget's text is not looked at


@pytest.mark.parametrize("name", ["attribute", "toxicity"])
def test_heads_can_be_scored_by_groups(task, monkeypatch, name):
    """Group gaps over axes, by hand, and no gap where removing heads leaves nothing of the term."""
    ids = [i for i in range(3, 60)]
    monkeypatch.setattr("fairhub.measure.word_odds.lexicon", lambda tokenizer: (ids[::2], ids[1::2]))
    by = Classifier("share of the letter e", lambda texts: np.array([t.count("e") / max(len(t), 1) for t in texts]))
    monkeypatch.setattr("fairhub.methods.head_bias.classifier", lambda: by)
    monkeypatch.setattr("fairhub.methods.head_bias.TOKENS", 3)
    figure = head_bias(name, task)
    prompts = head_bias_module._prompts(task)
    rows = range(len(prompts))
    assert figure.templates == tuple(p.template for p in prompts)
    values = figure.measure([frozenset(), frozenset({PLANTED})])
    assert values.shape == (2, len(prompts))
    axes = sorted({p.axis for p in prompts})
    expected = []
    for axis in axes:
        here = [i for i in rows if prompts[i].axis == axis]
        every = values[0, here].mean()
        groups = {prompts[i].group for i in here}
        means = [np.mean([values[0, i] for i in here if prompts[i].group == group]) for group in groups]
        expected.append(sum(abs(mean - every) for mean in means))
    assert figure.reduced(values, rows)[0] == pytest.approx(np.mean(expected))
    assert (figure.measure([frozenset()])[0] == values[0]).all()  # the same draws again
    assert not np.array_equal(values[0], values[1])


@pytest.mark.wide
def test_the_classifier_that_scored_heads_stands_in_the_report(text, tmp_path, monkeypatch):
    def share_of(letter):
        return lambda texts: np.array([t.count(letter) / max(len(t), 1) for t in texts])

    by = Classifier("letters 1.0", share_of("e"), fallback="another cannot be had")
    monkeypatch.setattr("fairhub.methods.head_bias.classifier", lambda: by)
    monkeypatch.setattr("fairhub.methods.head_bias.TOKENS", 3)
    request = Request("bias_only", text=text, plan=dataclasses.replace(PLAN, bias="toxicity"), sizes=SIZES)
    made = repair(planted.loaded(planted.planted_model()), request, tmp_path / "run")
    assert made.settings["toxicity classifier"] == "letters 1.0 (another cannot be had)"
    assert "letters 1.0" in (tmp_path / "run" / "report.md").read_text()


def test_scores_of_two_classifiers_are_not_mixed(task, monkeypatch):
    monkeypatch.setattr("fairhub.methods.head_bias.TOKENS", 3)
    found = []
    for name in ("one", "other", "one"):
        by = Classifier(name, lambda texts, name=name: np.array([t.count("e") + (name == "other") * t.count("t")
                                                                 for t in texts], dtype=float))  # fmt: skip
        monkeypatch.setattr("fairhub.methods.head_bias.classifier", lambda by=by: by)
        found.append(score_heads(task, "toxicity"))
    assert [scores.settled["toxicity classifier"] for scores in found] == ["one", "other", "one"]
    assert np.array_equal(found[0].bias, found[2].bias) and not np.array_equal(found[0].bias, found[1].bias)


def test_heads_can_be_scored_by_who_is_judged_worse(task):
    figure = head_bias("judgement", task)
    values = figure.measure([frozenset(), frozenset({PLANTED})])
    rows = range(values.shape[1])
    assert values.shape == (2, len(figure.templates)) and len(figure.templates) > 20
    base, gone = figure.reduced(values, rows)
    assert base > 0 and abs(gone) < 0.3 * base  # the planted head carries the judgement
    assert figure.reduced(values, []).tolist() == [0.0, 0.0]


def test_a_squared_gap_by_hand():
    def cell(axis, groups):
        return Cell(tuple((g, g) for g in groups), axis, "c", "t", "f", "s", "adjective", "x", "search")

    cells = [cell("x", "ab"), cell("x", "ab"), cell("x", "ab"), cell("y", "cd"), cell("y", "cd"), cell("z", "ef")]
    values = np.array([[1.0, 0, 2, 0, 3, 0, 1, 2, 1, 3, 9, 0]])
    x = (1 * 2 + 1 * 3 + 2 * 3) * 2 / 6  # products of different cells' differences alone
    y = (-1 * -2) * 2 / 2
    assert squared_gaps(cells, values, range(12)) == pytest.approx([(x + y) / 2])  # one cell says nothing of z
    assert squared_gaps(cells, values, range(6)) == pytest.approx([x])


@pytest.mark.wide
def test_limits_of_a_user_hold_for_fasp_too(text, tmp_path):
    strict, loose = (
        repair(
            planted.loaded(planted.planted_model()),
            Request(method="fasp", text=text, plan=dataclasses.replace(PLAN, keep=keep), sizes=SIZES),
            tmp_path / keep,
        )  # fmt: skip
        for keep in ("0.0001", "0.99")
    )
    assert strict.pruning == [] and strict.choices
    assert loose.pruning == [{"kind": "head", "layer": PLANTED.layer, "index": PLANTED.index}]
