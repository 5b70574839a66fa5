"""`fairhub audit` as a gate: exit code 3 exactly where a limit is broken, refusals before any model is loaded."""

import json
from xml.etree import ElementTree

import fake_report
import planted
import pytest
import typer
import yaml
from reading_docs import ROOT, blocks, commands

import fairhub.pipeline
from fairhub.__main__ import app
from fairhub.report import Audit

pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture
def measured(monkeypatch):
    """Audits find what a made-up report has; returns the ids of the models that were audited."""
    seen = []

    def audit(loaded, *_):
        seen.append(loaded.id)
        return Audit(loaded.id, loaded.revision, fake_report.audit().figures)

    monkeypatch.setattr(fairhub.pipeline, "examine", audit)
    return seen


def gate_lines(err):
    return [line for line in err.splitlines() if line.startswith("fairhub: gate ")]


def test_a_broken_limit_is_exit_code_3_and_one_line(command, planted_folder, measured):
    code, out, err = command("audit", planted_folder, "--fail-over", "judgement=-1", "--fail-under", "recall=-1000")
    assert code == 3 and "judge worse?" in out and "Traceback" not in err
    (line,) = gate_lines(err)
    assert line.startswith("fairhub: gate broken: --fail-over judgement=-1: judgement on held_out is ")
    assert "fairhub: gate: 1 of 2 limits hold" in err


def test_a_gate_that_holds_is_exit_code_0(command, planted_folder, measured):
    code, _, err = command("audit", planted_folder, "--fail-over", "judgement=1000", "--fail-over", "systematic=1000")
    assert code == 0 and gate_lines(err) == [] and "fairhub: gate: 2 of 2 limits hold" in err
    code, _, err = command("audit", planted_folder)
    assert code == 0 and "gate" not in err, "without a limit nothing is said of one"


def test_an_axis_that_is_not_in_the_audit_breaks_the_gate(command, planted_folder, measured):
    code, _, err = command("audit", planted_folder, "--fail-over", "judgement@wealth=1000")
    assert code == 3 and "judgement was not measured on held_out, wealth; it was: all on held_out" in gate_lines(err)[0]


@pytest.mark.parametrize("limit, expected", [("name_gap@race=-1", 3), ("name_gap@race=1000", 0)])
def test_an_audit_about_names_has_a_gate_too(command, planted_folder, monkeypatch, limit, expected):
    gap = fake_report.figure(0, axis="race", name="name_gap", after=False)
    monkeypatch.setattr("fairhub.measure.names.audit.audit", lambda *_: ([gap], []))
    code, _, err = command("audit", planted_folder, "--names", "--axis", "race", "--fail-over", limit)
    assert code == expected and len(gate_lines(err)) == (expected == 3)


def test_json_gains_a_gate(command, planted_folder, measured):
    code, out, err = command("audit", planted_folder, "--json", "--fail-over", "judgement=-1")
    found = json.loads(out)
    assert code == 3 and found["gate"]["held"] is False and found["figures"] and gate_lines(err)
    assert found["gate"]["limits"][0]["said"] in gate_lines(err)[0]
    code, out, _ = command("audit", planted_folder, "--json")
    assert code == 0 and "gate" not in json.loads(out)


def test_against_a_base_both_are_audited_and_limits_are_shares(command, planted_folder, tmp_path, measured):
    base = planted.save(planted.fair_model(), tmp_path / "base")
    words = ("--fail-over", "judgement=1", "--fail-under", "recall=1", "--against", base)
    code, _, err = command("audit", planted_folder, *words)
    assert code == 0 and measured == [str(planted_folder), str(base)]
    code, _, err = command("audit", planted_folder, "--fail-under", "recall=1.01", "--against", base)
    assert code == 3 and f"of that of {base}" in gate_lines(err)[0]


def test_models_that_are_asked_differently_are_not_compared(refused, planted_folder, tmp_path, measured, monkeypatch):
    base = planted.save(planted.planted_model(), tmp_path / "base")
    path = base / "tokenizer_config.json"
    told = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(
        json.dumps(
            told
            | {
                "chat_template": "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
                "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
            }
        )
    )
    said = refused("audit", planted_folder, "--fail-under", "recall=0.9", "--against", base)
    assert "is asked as text" in said and "as chat; add --chat off" in said


def test_files_are_written_whether_it_holds_or_not(command, planted_folder, tmp_path, measured):
    files = {"--junit": tmp_path / "gate.xml", "--sarif": tmp_path / "gate.sarif"}
    words = [word for pair in files.items() for word in pair]
    for limit, broken, expected in (("judgement=-1", 1, 3), ("judgement=1000", 0, 0)):
        assert command("audit", planted_folder, "--fail-over", limit, *words)[0] == expected
        assert len(ElementTree.parse(files["--junit"]).findall(".//failure")) == broken
        assert len(json.loads(files["--sarif"].read_text())["runs"][0]["results"]) == broken
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["gate.sarif", "gate.xml"]


@pytest.mark.parametrize("words, said", [
    (("--fail-over", "="), "NAME=NUMBER"), (("--fail-over", "judgement=nan"), "finite number"),
    (("--fail-under", "recall=1e999"), "finite number"), (("--fail-over", "fairness=1"), "systematic, reaction"),
    (("--fail-over", "judgement.evil=1"), "judgement.DIMENSION is one of bad"),
    (("--fail-over", "\x1b[31mred\n=1"), "a limit is on a figure"),
    (("--fail-over", "judgement@height=1"), "an axis must be one of gender"),
    (("--fail-over", "judgement=1", "--fail-over", "judgement=2"), "given once"),
    (("--against", "org/base"), "--against belongs to a limit"), (("--junit", "a.xml"), "--junit belongs to a limit"),
    (("--sarif", "a.sarif"), "--sarif belongs to a limit"),
    (("--fail-over", "judgement=1", "--junit", "nowhere/a.xml"), "its folder is not there"),
    (("--fail-over", "judgement=1", "--sarif", "."), "a folder is there"),
    (("--fail-over", "judgement=1", "--sarif", "x" * 300), "too long"),
])  # fmt: skip
def test_what_is_no_gate_is_refused_before_a_model_is_loaded(refused, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fairhub.model.loading.load", lambda *_, **__: pytest.fail("loaded"))
    assert said in refused("audit", "org/name", *words)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_in_the_end_is_one_line(command, planted_folder, tmp_path, measured, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fairhub.files.writing.write_whole", full)
    code, _, err = command("audit", planted_folder, "--fail-over", "judgement=1000", "--junit", tmp_path / "gate.xml")
    (line,) = [line for line in err.splitlines() if line.startswith("fairhub: the gate's file")]
    assert code == 2 and "No space left on device" in line and "Traceback" not in err


def test_the_workflow_of_the_docs_is_one_and_its_command_is_understood():
    (workflow,) = blocks(ROOT / "docs" / "pipelines.md", "yaml")
    steps = yaml.safe_load(workflow)["jobs"]["audit"]["steps"]
    ((verb, *words),) = commands([step["run"] for step in steps if step.get("run", "").startswith("fairhub")])
    given = typer.main.get_command(app).commands[verb].make_context(verb, words).params
    named = {step["with"].get("sarif_file") or step["with"].get("path") for step in steps if "with" in step}
    assert {str(given["junit"]), str(given["sarif"])} <= named and given["fail_over"] and given["against"]


@pytest.mark.wide
def test_a_planted_bias_breaks_what_its_cut_model_keeps(command, planted_folder, tmp_path, text, small_audit):
    """Both controls, measured: the model with the path breaks the limit that the model without it keeps."""
    fair = planted.save(planted.fair_model(), tmp_path / "fair")
    words = ("--text", text, "--json", "--fail-over", "judgement=0.5", "--against", planted_folder)
    code, out, err = command("audit", planted_folder, *words)
    assert code == 3 and json.loads(out)["gate"]["limits"][0]["value"] == 1, err
    code, out, err = command("audit", fair, *words)
    assert code == 0 and json.loads(out)["gate"]["limits"][0]["value"] < 0.5, err
    assert "measured before, by this fairhub" in err, "the base is not measured again"
