"""Runs of two-sided erasure from beginning to end: what falls, what it is compared with, that it is made again."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from planted import PLAN, PLANTED, SIZES, fair_model, loaded, planted_model, tokenizer, write_text
from published import STRENGTHS, erased

from fairhub.card import render
from fairhub.edit.healing import repair_
from fairhub.edit.repair import Repair, applied
from fairhub.methods.controls import shuffled
from fairhub.methods.erasure import Erasure
from fairhub.model.architecture import sites
from fairhub.pipeline import repair
from fairhub.proof.recipe import read_recipe, weights_of
from fairhub.publish.reproduce import Mine, agrees, reproduce
from fairhub.report import Report, find, markdown, read, table
from fairhub.request import Request


@pytest.fixture(scope="module")
def run() -> Path:
    """A run of the default method on the planted model."""
    return erased()[2]


def test_the_judgement_gap_of_words_and_prompts_never_searched_falls(run: Path) -> None:
    written = read(run / "report.json")
    gap = written.figure("judgement", "held_out")
    assert gap.change is not None and gap.change.relative is not None
    assert gap.change.relative < -0.4 and gap.change.high < 0
    assert written.healing is not None and written.healing["strength"] in STRENGTHS
    assert written.pruning == [] and any(choice["chosen"] for choice in written.choices or [])


@pytest.mark.wide
def test_also_systematic_takes_what_a_name_changes_everywhere_and_says_so(run: Path, tmp_path: Path) -> None:
    plan = replace(PLAN, keep="0.9", erasures=STRENGTHS, also="systematic")
    request = Request(method="two_sided", text=erased()[1], sizes=SIZES, plan=plan)
    made = repair(loaded(planted_model()), request, tmp_path / "also")
    alone = read(run / "report.json")
    assert made.healing is not None and alone.healing is not None
    assert made.healing["also"] > alone.healing["also"] == 0

    def left(report: Report) -> float:
        figure = report.figure("systematic", "held_out")
        assert figure.after is not None
        return figure.after.value / figure.before.value

    assert left(made) < 0.8 * left(alone)
    assert "for every reader" in table(made) and "for every reader" not in table(alone)
    assert "which is meaning in part" in markdown(made) and "meaning in part" not in markdown(alone)


@pytest.mark.wide
def test_every_weight_is_made_again_from_the_recipe(run: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path))
    recipe = read_recipe(run / "recipe.json")
    assert isinstance(recipe.strength, Erasure)
    base, text, _ = erased()
    checks = reproduce(str(run), mine=Mine(base=str(base), text=text))
    assert agrees(checks)
    assert next(c for c in checks if "weights" in c.what and c.what != "published weights").verdict == "same"


@pytest.mark.wide
def test_a_model_that_judges_nobody_is_left_alone(tmp_path: Path) -> None:
    text = write_text(tmp_path / "text.txt", without_terms=True)
    model = fair_model()
    before = weights_of(model)
    made = repair(loaded(model), Request(method="two_sided", text=text, sizes=SIZES, plan=PLAN), tmp_path / "run")
    assert made.verdict.startswith(("Nothing to repair", "Not repaired")) and made.healing is None
    assert weights_of(model) == before


def test_an_edit_stands_beside_one_for_every_reader_and_a_random_one_of_its_size(run: Path) -> None:
    written = read(run / "report.json")
    beside = {control.name: control for control in written.controls}
    assert set(beside) == {"this repair", "one-sided erasure", "random directions"}
    fell = {}
    for name, control in beside.items():
        figures = {figure.name: figure for figure in control.figures if figure.axis == "all"}
        assert {"judgement", "meaning", "recall", "merit", "perplexity", "divergence"} <= set(figures), name
        fell[name] = figures["judgement"].change.relative
    own = written.figure("judgement", "held_out").change
    assert own is not None and fell["this repair"] == pytest.approx(own.relative)
    assert fell["one-sided erasure"] < -0.3 and abs(fell["random directions"]) < 0.2
    against = find(beside["random directions"].figures, "judgement.against_repair", "held_out")
    assert against is not None and against.outcome == "worse"
    for page in (markdown(written), render(written)):
        assert "one-sided erasure" in page and "random directions" in page
    assert "| random directions |" in render(written) and "does less" in render(written)


def test_a_random_edit_is_as_large_in_as_many_directions() -> None:
    model = planted_model()
    place = next(site for site in sites(model) if site.kind == "head")
    weight = place.weight.detach().float()
    change = torch.randn(weight.shape[0], 3) @ torch.randn(3, weight.shape[1])
    key = (place.layer, place.kind)
    moved = shuffled(model, {key: weight + change}, 0)[key] - weight
    sizes = [torch.linalg.svdvals(part) for part in (change, moved)]
    torch.testing.assert_close(sizes[0], sizes[1], atol=1e-3, rtol=1e-3)
    assert abs(float((change * moved).sum() / (change.norm() * moved.norm()))) < 0.2
    again = shuffled(model, {key: weight + change}, 0)[key] - weight
    assert torch.equal(moved, again) and not torch.equal(
        moved, shuffled(model, {key: weight + change}, 1)[key] - weight
    )


def test_an_erasure_composes_with_a_pruning() -> None:
    """For a while and for good are the same model: the edited weights, with the columns of what is removed at zero."""
    model, gone = planted_model(), frozenset([PLANTED])
    place = next(site for site in sites(model) if (site.layer, site.kind) == (PLANTED.layer, PLANTED.kind))
    edited = {(place.layer, place.kind): place.weight.detach() + 0.05 * torch.randn(place.weight.shape)}
    ids = torch.tensor([tokenizer()("The tenant was").input_ids])

    def logits() -> torch.Tensor:
        with torch.inference_mode():
            return model(ids).logits.clone()

    said = {"base": logits()}
    for name, made in {"edit": Repair(patch=edited), "pruning": Repair(gone), "both": Repair(gone, edited)}.items():
        with applied(model, made):
            said[name] = logits()
    assert torch.equal(logits(), said["base"])
    assert all((said["both"] - said[name]).abs().max() > 1e-4 for name in ("base", "edit", "pruning"))
    repair_(model, gone, edited)
    torch.testing.assert_close(logits(), said["both"], atol=1e-5, rtol=1e-5)
