"""The front in the Space: it grows, keeps the candidate that was picked, and shows each one's own texts at once."""

import json
import shutil
from dataclasses import replace

import gradio as gr
import pytest
from published import STRENGTHS, erased, made

from fairhub.compute.greedy import continuations
from fairhub.errors import UserError
from fairhub.model.loading import load
from fairhub.report import from_json, read, to_json
from fairhub.request import Request
from fairhub.space import front, repair_tab, running
from fairhub.space.models import Models
from fairhub.space.shared import Shared
from fairhub.space.visitors import Visitors

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m"


def candidate(strength, bias, lost, **more):
    return {
        "strength": strength, "units": 0, "guard": None, "bias_relative": bias, "lost": {"merit": lost},
        "perplexity_relative": lost / 10, "burden": 1.0, "chosen": False,
    } | more  # fmt: skip


@pytest.fixture
def job(tmp_path):
    """The folder of a job whose run is under way, and what notes another candidate of it."""
    folder = tmp_path / "1"
    running.prepare(folder, None, Request())
    (folder / "run" / "work").mkdir(parents=True)

    def measured(*choices):
        (folder / "run" / "work" / "choices.jsonl").write_text("".join(json.dumps(one) + "\n" for one in choices))

    return folder, measured


@pytest.fixture
def visit(tmp_path):
    """A visit with a finished run of two-sided erasure: what is shared, the visit's key, the job."""
    shared = Shared(Models({"planted": str(erased()[0])}), Visitors(tmp_path / "visitors"), tmp_path)
    key = shared.visitors.new()
    job = shared.visitors.new_job(key)
    running.prepare(job, str(erased()[0]), Request())
    shutil.copytree(erased()[2], job / "run")
    return shared, key, job


def test_it_grows_and_keeps_the_candidate_that_was_picked(job):
    folder, measured = job
    assert front.updates(folder)[0]["visible"] is False
    strong = candidate(1.0, -0.7, 0.08)
    measured(strong)
    block, slider, shown, take = front.updates(folder)
    assert block["visible"] and slider["value"] == 1 and not slider["interactive"] and "Strength 1:" in shown
    assert not take["visible"], "a run that goes on has nothing to take from yet"
    measured(strong, candidate(0.3, -0.4, 0.02), candidate(3.0, -0.8, 0.2))
    _, slider, shown, _ = front.updates(folder, front.key_of(strong))
    assert (slider["value"], slider["maximum"]) == (2, 3) and "Strength 1:" in shown
    assert front.updates(folder)[1]["value"] == 3  # of whom nobody picked one the last is shown


def test_each_candidate_has_its_own_texts_and_the_base_models_beside_them():
    base, _, run = erased()
    choices = front.ordered(read(run / "report.json").choices)
    assert [one["strength"] for one in choices] == list(STRENGTHS)
    prompts = [[row["prompt"] for row in one["texts"]] for one in choices]
    assert len(prompts[0]) == 4 and all(told == prompts[0] for told in prompts)
    loaded, repaired = load(str(base)), load(str(run / "model"))
    taken = next(one for one in choices if one["chosen"])
    for model, side in ((loaded, "before"), (repaired, "after")):
        said = continuations(model.model, model.tokenizer, prompts[0], 24)
        assert [row[side] for row in taken["texts"]] == said
    assert len({json.dumps([row["after"] for row in one["texts"]]) for one in choices}) > 1
    assert len({front.choice_shown(choices, place) for place in (1, 2, 3)}) == 3


def test_candidates_of_masks_have_texts_too():
    choices = front.ordered(read(made()[2] / "report.json").choices)
    assert choices and all(len(one["texts"]) == 2 and "lost" not in one for one in choices)


def test_what_a_model_wrote_is_only_text_and_a_report_holds_it():
    report = read(erased()[2] / "report.json")
    told = [{**one, "texts": [{"prompt": "a", "before": HOSTILE, "after": HOSTILE}] * 2} for one in report.choices]
    again = from_json(to_json(replace(report, choices=told)))
    assert again.choices == told
    shown = front.choice_shown(front.ordered(again.choices), 1)
    assert "<img" not in shown and "&lt;img" in shown
    with pytest.raises(UserError, match="text without control characters"):
        from_json(to_json(replace(report, choices=[{**report.choices[0], HOSTILE: 1}])))


def test_moving_the_slider_shows_that_candidate_and_offers_it(visit):
    shared, key, job = visit
    choices = front.of_job(job)
    taken = 1 + next(place for place, one in enumerate(choices) if one["chosen"])
    for place in range(1, len(choices) + 1):
        shown, take, picked = repair_tab._weigh(shared, key, place)
        assert shown == front.choice_shown(choices, place) and picked == front.key_of(choices[place - 1])
        assert take["visible"] == (place != taken)


def test_a_page_that_opens_has_no_front_and_says_nothing(visit):
    shared, key, job = visit
    assert repair_tab._grown(shared, key, "") == [gr.skip()] * 4  # what is finished is not moved under a visitor's hand
    shutil.rmtree(job)
    assert [repair_tab._grown(shared, one, "") for one in ("", key)] == [[gr.skip()] * 4] * 2
    running.prepare(shared.visitors.new_job(key), None, Request())
    assert repair_tab._grown(shared, key, "")[0]["visible"] is False


def test_another_candidate_is_repaired_with_as_the_command_does(visit):
    _, _, job = visit
    place = 1 + next(place for place, one in enumerate(front.of_job(job)) if not one["chosen"])
    source, request = front.taken(job, place)
    assert source == str(erased()[0]) and request.plan.strength == front.of_job(job)[place - 1]["strength"]
    with pytest.raises(UserError):
        shutil.rmtree(job / "run")
        shutil.copytree(made()[2], job / "run")
        front.taken(job, 1)
