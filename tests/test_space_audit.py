"""The tab Audit without a browser: what is shown first, what is kept, and the same numbers at all three doors."""

import base64
import html
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl

import fake_report
import planted
import pytest

import fairhub
from fairhub.errors import UserError
from fairhub.inputs.probes import PROVED
from fairhub.inputs.sizes import Sizes
from fairhub.model.loading import EMBEDDED
from fairhub.report import Audit, read
from fairhub.report.audit_file import before, from_json, to_json
from fairhub.report.evidence import Brought, Evidence, Example
from fairhub.request import request_of
from fairhub.run.memory import Memory
from fairhub.space import app, audit_tab, audits, findings, sharing, worker
from fairhub.space.models import Models
from fairhub.space.running import prepare
from fairhub.space.shared import Shared
from fairhub.space.visitors import Visitors

CARDS = Path(__file__).parent.parent / "model_cards"
GROUPS, PAIR = "nurses: nurse\nclerks: clerk", "A man | A woman"
HOSTILE = "<img src=x onerror=alert(1)></article><script>"
FEW = Sizes(
    held_out=12, external=12, control=6, search=8, select=8, held_out_tokens=1024, search_tokens=1024,
    select_tokens=1024, judged=16, judged_near=8, traits=8, choices=8, passages=4, fitted=8, fitted_wide=8,
)  # fmt: skip
EVIDENCE = Evidence(
    (Example("age", "bad", "held_out", ("old", "young"), ("The old", "The young"), (2.0, 1.0), "awful", (0.02, 0.01)),),
    (Brought("age", ("old", "young"), " grey", 0.1, 1.0, 20),),
)


def audit(model="org/name", figures=None, evidence=EVIDENCE):
    return Audit(model, "local", figures or fake_report.audit().figures, ("a note",), evidence)


@pytest.fixture
def cached(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def shared(tmp_path, planted_folder, cached):
    return Shared(Models({"planted": str(planted_folder)}), Visitors(tmp_path / "visitors"), CARDS)


def test_an_audit_is_read_back_as_it_was():
    made = audit()
    assert from_json(to_json(made)) == made
    assert from_json(to_json(made)).inside() == made.inside()


def test_a_report_says_of_its_base_what_an_audit_does():
    report = read(CARDS / "smollm2-135m-instruct-two-sided" / "report.json")
    said = before(report)
    assert said.findings().looked and said.findings().brought and not said.evidence.examples
    assert all(figure.after is None is figure.change for figure in said.figures)
    for name in ("judgement", "systematic", "recall_right"):
        assert said.figure(name).before == report.figure(name, "held_out").before


def test_the_default_is_found_in_the_gallery_and_says_since_when(tmp_path, cached, monkeypatch):
    monkeypatch.setattr(audits, "known", lambda *_: None)
    shown = findings.opening(Shared(Models(), Visitors(tmp_path), CARDS), None)
    runs = [read(path) for path in CARDS.glob("*/report.json")]
    said, run = audits.of_gallery(runs, None)
    assert run.base_model["revision"] == EMBEDDED and f"measured on {run.created[:10]}, by fairhub" in shown
    assert said.inside() in shown
    assert audits.of_gallery(runs, "ada/other@0123") is None


def test_what_was_found_is_kept_by_all_it_hangs_on(planted_folder, cached, monkeypatch):
    source, request = str(planted_folder), audits.asked()
    made = []
    monkeypatch.setattr(audits, "examine", lambda loaded, *_, **__: made.append(1) or audit(loaded.id))
    loaded = planted.loaded(planted.planted_model())
    assert audits.known(source, request) is None
    found = audits.whole(loaded, source, request, audits.remembered())
    assert audits.known(source, request) == found == audits.whole(loaded, source, request, audits.remembered())
    assert len(made) == 1
    assert audits.known(source, audits.asked(["gender"])) is None
    assert audits.known("org/name@other", request) is None
    monkeypatch.setattr(audits, "_identity", lambda source: None)
    assert audits.known(source, request) is None  # what may be another by tomorrow is measured again
    audits.whole(loaded, source, request, Memory())
    assert len(made) == 2


def test_names_are_only_text(shared):
    gap = fake_report.gap(0, HOSTILE, HOSTILE, "cold", after=False)
    evidence = Evidence((), (Brought(HOSTILE, (HOSTILE, "b"), HOSTILE, 0.1, 1.0, 20),))
    shown = findings.finding(audit(HOSTILE, (*fake_report.audit().figures, gap), evidence), HOSTILE)
    assert "&lt;img" in shown and "<img" not in shown and "<script" not in shown
    assert shown.count("</article>") == 1 + shown.count("<article>")  # examples are articles too


class Done:
    """A slice that is over at once."""

    def __init__(self, folder):
        worker.work(folder)

    def poll(self):
        return 0


STEPS = [("external",), PROVED, "whole"]


@pytest.fixture
def steps(monkeypatch):
    """What was asked of a model, a look at a time, each under its own name."""
    made = []

    def examined(loaded, request, *_, **__):
        made.append("whole")
        return audit(f"look {len(made)}")

    def judged(loaded, request, splits, *_):
        made.append(tuple(splits))
        return audit(f"look {len(made)}")

    monkeypatch.setattr(audits, "examine", examined)
    monkeypatch.setattr(audits, "judged", judged)
    return made


def shown_by(shared, key):
    return [update for update in audit_tab._audit(shared, key, "planted") if isinstance(update[1], str)]


@pytest.mark.usefixtures("offline")
def test_a_finding_grows_and_the_second_time_comes_at_once(shared, steps):
    shared = replace(shared, begin=Done)
    key = shared.visitors.new()
    said = shown_by(shared, key)
    assert steps == STEPS
    assert said[0][1] == findings.COMING and findings.NOW in said[-1][1] and "look 3" in said[-1][1]
    (again,) = audit_tab._audit(shared, key, "planted")
    assert findings.BEFORE in again[1] and "look 3" in again[1] and len(steps) == 3


class Cut:
    """A slice that a visitor stops after so many looks."""

    looks = 1

    def __init__(self, folder):
        job = json.loads((folder / worker.JOB).read_text())
        loaded, request = planted.loaded(planted.planted_model()), request_of(job["request"])
        for number, name in enumerate(worker.FOUND[: self.looks]):
            (folder / name).write_text(to_json(audits.look(loaded, request, Memory(), number)))
        worker.write(folder / worker.STATE, {"state": "stopped", "what": "stopped", "seconds": 30.0})

    def poll(self):
        return 0


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("looks", [1, 2])
def test_a_part_says_what_was_read_and_offers_the_rest(shared, steps, monkeypatch, looks):
    monkeypatch.setattr(Cut, "looks", looks)
    key = shared.visitors.new()
    *_, (_, shown, start, _) = shown_by(replace(shared, begin=Cut), key)
    assert (findings._EXTERNAL, findings._WHOLE)[looks - 1] in html.unescape(shown)
    assert "The rest was not read: Finish the audit does, in about" in shown
    assert start["value"] == "Finish the audit" and start["interactive"]
    told = [update for update in audit_tab._audit(replace(shared, begin=Done), key, "planted")]
    assert not isinstance(told[0][1], str)  # what was found stays on the page
    assert findings.NOW in told[-1][1] and told[-1][2]["value"] == "Audit"
    assert steps == STEPS  # what was looked at is not looked at again


@pytest.mark.usefixtures("offline")
def test_what_a_look_says_is_what_the_audit_says_and_reads_no_more(planted_folder, tmp_path, monkeypatch):
    loaded, request = planted.loaded(planted.planted_model()), replace(audits.asked(["gender"]), sizes=FEW)
    memory = Memory(tmp_path / "memory")
    looks = [audits.look(loaded, request, memory, number) for number in range(2)]
    whole = audits.whole(loaded, None, request, memory)
    assert {f.split for f in looks[0].figures} == {"external"}
    assert {f.split for f in looks[1].figures} == {"external", "held_out"}
    assert all(set(map(repr, look.figures)) <= set(map(repr, whole.figures)) for look in looks)
    assert looks[1].evidence.brought == whole.evidence.brought
    monkeypatch.setattr("fairhub.inputs.gathering.holistic_cells", lambda *_: [])
    (third,) = {f.split for f in audits.look(loaded, request, memory, 0).figures}
    assert third == "held_out"  # where nothing of other people's is installed


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("looks", [1, 2])
def test_a_first_look_does_not_take_the_place_of_a_whole_that_is_known(shared, steps, monkeypatch, looks):
    monkeypatch.setattr(Cut, "looks", looks)
    monkeypatch.setattr(audits, "of_gallery", lambda *_: (audit("shipped"), fake_report.report()))
    said = shown_by(replace(shared, begin=Cut), shared.visitors.new())
    assert "Shipped with fairhub" in said[0][1]
    assert [f"look {looks}" in update[1] for update in said[1:]] == [True] * (looks - 1)


def test_a_finding_is_passed_on_as_a_picture_and_as_an_address(shared):
    opens = sharing.address("org/name", GROUPS, PAIR)
    shown = findings.finding(audit(), "", opens)
    source = re.search(r'href="data:image/png;base64,([^"]+)" download="fairhub-org-name.png"', shown)
    assert base64.b64decode(source[1]).startswith(b"\x89PNG")
    query = SimpleNamespace(query_params=dict(parse_qsl(opens.removeprefix("?"))))
    told = [app.asked(query, name, 3000) for name in ("model", "groups", "pairs")]
    assert told == ["org/name", GROUPS, PAIR] and html.escape(opens) in shown
    assert sharing.address("org/name", "a: b\n" * 2000) == ""
    assert "data-address" not in findings.finding(audit(), "")


@pytest.mark.usefixtures("offline")
def test_an_address_shows_what_is_known_of_what_it_asks(shared, steps):
    shared, words = replace(shared, begin=Done), "cooks: cook, chef, baker\nclerks: clerk, typist, teller"
    key = shared.visitors.new()
    list(audit_tab._audit(shared, key, "planted", words))
    there = audit_tab._known(shared, key, "planted", words, "")
    assert findings.BEFORE in there and html.escape(sharing.address("planted", words)) in there
    assert audit_tab._known(shared, key, "planted", "", "") == findings.COMING
    with pytest.raises(UserError, match="a model is named by its Hub id"):
        audit_tab._known(shared, key, "/etc/passwd", "", "")


def test_a_picture_draws_no_name_as_markup():
    shown = sharing.bar(audit("$\\frac{$/../../x<b>\x1b"), "")
    assert "<b>" not in shown and "\x1b" not in shown and 'download="fairhub-frac' in shown


@pytest.mark.usefixtures("brief", "offline")
@pytest.mark.wide
def test_command_python_and_space_show_equal_numbers(command, planted_folder, text, tmp_path, cached, monkeypatch):
    monkeypatch.setattr("fairhub.inputs.sizes.of_audit", lambda suite: FEW)
    monkeypatch.setattr(audits, "of_audit", lambda suite: FEW)
    code, out, err = command("audit", planted_folder, "--text", text, "--json")
    assert code == 0, err
    typed = {figure_key(one): one["before"]["value"] for one in json.loads(out)["figures"]}
    said = fairhub.audit(fairhub.load(str(planted_folder)), text=text, sizes=FEW)
    called = {figure_key(vars(one)): one.before.value for one in said.figures}
    job = tmp_path / "job"
    prepare(job, str(planted_folder), replace(audits.asked(), text=Path(text)), what="audit")
    worker.work(job)
    assert worker.standing(job).state == "finished", worker.standing(job)
    seen = from_json((job / worker.AUDIT).read_text())
    clicked = {figure_key(vars(one)): one.before.value for one in seen.figures}
    assert len(typed) > 20 and typed == called == clicked
    assert seen.evidence == said.evidence


def figure_key(one):
    return one["name"], one["split"], one["axis"], one["context"], tuple(one["groups"] or ())
