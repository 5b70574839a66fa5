"""What `reproduce` is told and does not believe: each lie on a healed and on an unhealed run, beside an honest one."""

import json
import shutil
from functools import cache
from tempfile import mkdtemp

import numpy as np
import pytest
import torch
from planted import write_text
from published import made, offline_
from safetensors.torch import load_file, save_file

from fairhub import reproduce as reproduction
from fairhub.errors import UserError
from fairhub.recipe import tensor_hash
from fairhub.reproduce import Mine, agrees, reproduce, table
from fairhub.runs import Run

CACHE = mkdtemp()
ROPE = {"rope_theta": 77.0, "rope_type": "default"}
AGAIN = reproduction._again
RUNS = pytest.mark.parametrize("heal", [True, False], ids=["healed", "pruned"])


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No network; what is measured of an unaltered recipe is kept, so that a lie beside it costs a second."""
    offline_(monkeypatch)
    monkeypatch.setenv("FAIRHUB_CACHE", CACHE)
    monkeypatch.setattr(Run, "forget", lambda self: None)
    monkeypatch.setattr(reproduction, "_again", remembered)


@cache
def _known():
    return {}


def remembered(loaded, recipe, report, data, run, *rest):
    """What was made and measured again, by all that it hangs on: the name of the folder where it is kept."""
    key = run.folder, bool(report.controls)
    if key not in _known():
        _known()[key] = AGAIN(loaded, recipe, report, data, run, *rest)
    return _known()[key]


def told(run, name):
    return json.loads((run / name).read_text())


def tell(run, name, record):
    (run / name).write_text(json.dumps(record))


def checks_of(run, heal, quick=True):
    base, text, _ = made(heal)
    return reproduce(str(run), quick=quick, mine=Mine(str(base), text=text))


def different(checks):
    return {check.what for check in checks if check.verdict == "different"}


def weights(change):
    """Change the published tensors, and their hashes in the recipe with them."""

    def lie(run):
        file = run / "model" / "model.safetensors"
        tensors = change(load_file(file))
        save_file(tensors, file, metadata={"format": "pt"})
        hashes = {name: tensor_hash(tensor) for name, tensor in tensors.items()}
        recipe = told(run, "recipe.json")
        tell(run, "recipe.json", recipe | {"weights": {n: hashes[n] for n in recipe["weights"] if n in hashes}})

    return lie


def random_numbers(tensors):
    generator = torch.Generator().manual_seed(0)
    return {n: torch.randn(t.shape, generator=generator).to(t.dtype) * t.std() for n, t in tensors.items()}


def one_projection(tensors):
    """What a healing solves for is random; all else is honest."""
    name = "model.layers.1.self_attn.o_proj.weight"
    return tensors | {name: torch.randn_like(tensors[name])}


def a_little(tensors):
    return tensors | {"model.norm.weight": tensors["model.norm.weight"] + 1e-4}


def model(name, change):
    """Change a JSON file of the published model."""

    def lie(run):
        tell(run / "model", name, change(told(run / "model", name)))

    return lie


def report(change):
    def lie(run):
        record = told(run, "report.json")
        change(record)
        tell(run, "report.json", record)

    return lie


def each(change):
    return report(lambda record: [change(figure) for figure in record["figures"]])


def widen(figure):
    for part in ("after", "change"):
        if figure[part]:
            figure[part].update(low=-1e9, high=1e9)


def shift_a_little(figure):
    if figure["change"]:
        figure["change"]["value"] += 0.1 * (figure["change"]["high"] - figure["change"]["value"])


def merges(tokenizer):
    vocabulary = tokenizer["model"]["vocab"]
    one, other = list(vocabulary)[100:102]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    return tokenizer


def items(run):
    with np.load(run / "items.npz") as stored:
        arrays = dict(stored)
    arrays["held_out"][1, 3] *= 0.5
    np.savez(run / "items.npz", **arrays)


def moved(record):
    record["text"][0]["after"] = "kind " + record["text"][0]["after"]


LIES = {
    "random weights with their hashes": (weights(random_numbers), "published tensors"),
    "a random projection with its hash": (weights(one_projection), "published tensors"),
    "one tensor a little other": (weights(a_little), "published tensors"),
    "a tensor less": (weights(lambda t: {n: v for n, v in t.items() if n != "model.norm.weight"}), None),
    "a tensor more": (weights(lambda t: t | {"more": torch.zeros(1)}), "published tensors"),
    "tensors of another type": (weights(lambda t: {n: v.half() for n, v in t.items()}), "published tensors"),
    "another rope": (model("config.json", lambda c: c | {"rope_parameters": ROPE}),
                     "published config"),
    "another epsilon": (model("config.json", lambda c: c | {"rms_norm_eps": 0.5}), "published config"),
    "an unknown part of a config": (model("config.json", lambda c: c | {"more": 1}), "published config"),
    "other stops": (model("generation_config.json", lambda c: c | {"eos_token_id": 7}), "published generation config"),
    "another vocabulary": (model("tokenizer.json", merges), "published tokenizer"),
    "another chat template": (model("tokenizer_config.json", lambda c: c | {"chat_template": "{{ 1 }}"}),
                              "published tokenizer"),
    "wide intervals": (each(widen), "judgement (held_out, axis all, context all)"),
    "within its interval": (each(shift_a_little), "judgement (held_out, axis all, context all)"),
    "no figures": (report(lambda r: r.update(figures=[])), "perplexity (held_out, axis all, context all)"),
    "a figure less": (report(lambda r: r.update(figures=[f for f in r["figures"] if f["name"] != "merit"])),
                      "merit (held_out, axis all, context all)"),
    "a figure twice": (report(lambda r: r["figures"].extend(r["figures"][-1:])), None),
    "the other direction": (each(lambda f: f.update(better="higher")), "judgement (held_out, axis all, context all)"),
    "fewer items": (each(lambda f: f.update(items=f["items"] + 1)), "judgement (held_out, axis all, context all)"),
    "another verdict": (report(lambda r: r.update(verdict="Repaired: all is well.")), "verdict"),
    "other texts": (report(moved), "continuations, after"),
    "other parameters": (report(lambda r: r["parameters"].update(removed=1)), "parameters"),
    "another item": (items, "items, held_out"),
}  # fmt: skip


@RUNS
def test_an_honest_run_is_reproduced(heal, tmp_path):
    run = shutil.copytree(made(heal)[2], tmp_path / "run")
    checks = checks_of(run, heal)
    assert agrees(checks) and {check.verdict for check in checks} == {"same"}


@RUNS
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_comes_out_different(lie, heal, tmp_path):
    run = shutil.copytree(made(heal)[2], tmp_path / "run")
    how, where = LIES[lie]
    how(run)
    try:
        wrong = different(checks_of(run, heal))
    except UserError as error:  # what cannot even be loaded is refused
        assert where is None or lie.startswith(("tensors of", "another rope", "a tensor")), error
        return
    assert wrong and (where is None or where in wrong)


def altered(name, **parts):
    def lie(run):
        tell(run, name, told(run, name) | parts)

    return lie


def pickled(run):
    (run / "model" / "model.safetensors").rename(run / "model" / "pytorch_model.bin")


def beside(name, content=b"{}"):
    return lambda run: (run / "model" / name).write_bytes(content)


def linked(run):
    file = run / "model" / "model.safetensors"
    shutil.move(file, run.parent / "elsewhere.safetensors")
    file.symlink_to(run.parent / "elsewhere.safetensors")


def without(name):
    return lambda run: (run / name).unlink()


REFUSED = {
    "infinite tolerance": (altered("recipe.json", tolerance=float("inf")), "must be JSON"),
    "a wide tolerance": (altered("recipe.json", tolerance=1e9), "tolerance is"),
    "pickles alone": (pickled, "weights must be safetensors"),
    "pickles beside": (beside("pytorch_model.bin"), "weights must be safetensors"),
    "an adapter beside": (beside("adapter_config.json"), "a published model is alone"),
    "other shards beside": (beside("model-00001-of-00002.safetensors"), "one set of weights"),
    "a link": (linked, "is a link out of it"),
    "no weights": (without("model/model.safetensors"), "has no model.safetensors"),
    "no config": (without("model/config.json"), "has no config.json"),
    "no tokenizer": (without("model/tokenizer.json"), "has no tokenizer.json"),
    "another seed": (altered("report.json", seed=7), "of one run.*another seed"),
    "another method": (altered("report.json", method="fasp"), "of one run.*another method"),
    "units of another": (altered("report.json", pruning=[]), "of one run.*another pruning"),
    "units that no model has": (lambda run: [altered(name, pruning=[{"kind": "head", "layer": 9, "index": 0}])(run)
                                             for name in ("report.json", "recipe.json")], "units that the model has"),
}  # fmt: skip


@RUNS
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_record_is_refused_in_one_line(case, heal, tmp_path):
    run = shutil.copytree(made(heal)[2], tmp_path / "run")
    how, said = REFUSED[case]
    how(run)
    with pytest.raises(UserError, match=said) as error:
        checks_of(run, heal)
    assert "\n" not in str(error.value)


def test_fewer_controls_than_are_measured_is_different(tmp_path):
    run = shutil.copytree(made()[2], tmp_path / "run")
    report(lambda record: record["controls"].pop())(run)
    wrong = different(checks_of(run, True, quick=False))
    assert wrong and all("in its place" in what for what in wrong)


def test_an_interrupted_run_is_not_credited_to_a_recipe_that_removes_nothing(tmp_path, monkeypatch):
    import fairhub.reproduce as module

    run = shutil.copytree(made(False)[2], tmp_path / "run")
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))
    with monkeypatch.context() as stopped:
        stopped.setattr(module, "assemble", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            checks_of(run, False)
    for name in ("recipe.json", "report.json"):
        altered(name, pruning=[])(run)
    assert "divergence (held_out, axis all, context all)" in different(checks_of(run, False))


def test_a_folder_never_stands_in_for_a_base_model_of_the_hub(tmp_path, monkeypatch):
    base, text, honest = made()
    run = shutil.copytree(honest, tmp_path / "run")
    for name in ("recipe.json", "report.json"):
        record = told(run, name)
        record["base_model"] |= {"id": "org/name", "revision": "a" * 40}
        tell(run, name, record)
    shutil.copytree(base, tmp_path / "org" / f"name@{'a' * 40}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="lies in this folder and is in the way"):
        reproduce(str(run), quick=True, mine=Mine(text=text))
    assert agrees(reproduce(str(run), quick=True, mine=Mine(str(base), text=text)))


def test_no_escape_sequence_reaches_a_terminal(tmp_path):
    run = shutil.copytree(made()[2], tmp_path / "run")
    report(lambda record: record["text"][0].update(prompt="\x1b[31mred"))(run)
    assert "\x1b" not in table(checks_of(run, True))
    report(lambda record: record["figures"][0].update(name="\x1b[31mred"))(run)
    with pytest.raises(UserError, match="control characters") as error:
        checks_of(run, True)
    assert "\x1b" not in str(error.value)


def test_other_text_is_no_reproduction(tmp_path):
    base, _, run = made()
    other = write_text(tmp_path / "other.txt", seed=1)
    with pytest.raises(UserError, match="measures on the same data"):
        reproduce(str(run), quick=True, mine=Mine(str(base), text=other))
