"""What `reproduce` is told and does not believe: each lie on a healed and on an unhealed run, beside an honest one."""

import shutil
from functools import cache
from tempfile import mkdtemp

import pytest
from lying import LIES, different, report, tell, told
from planted import write_text
from published import made, offline_
from wide import wide_but

from fairhub.errors import UserError
from fairhub.publish import reproduce as reproduction
from fairhub.publish.reproduce import Mine, agrees, reproduce, table
from fairhub.run.folder import Run

CACHE = mkdtemp()
AGAIN = reproduction._again
RUNS = pytest.mark.parametrize(
    "heal", [pytest.param(True, id="healed"), pytest.param(False, id="pruned", marks=pytest.mark.slow)]
)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No network; what is measured of an unaltered recipe is kept, so that a lie beside it costs a second."""
    offline_(monkeypatch)
    monkeypatch.setenv("FAIRHUB_CACHE", CACHE)
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


def checks_of(run, heal, quick=True):
    base, text, _ = made(heal)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "forget", lambda self: None)  # the next lie finds what hangs on the recipe alone
        return reproduce(str(run), quick=quick, mine=Mine(str(base), text=text))


OFTEN = ("a random projection with its hash", "a tensor less", "another epsilon", "wide intervals", "other texts")
"""Lies told in every run of the tests: about weights, configuration, figures and texts."""


@RUNS
@pytest.mark.wide
def test_an_honest_run_is_reproduced(heal, tmp_path):
    run = shutil.copytree(made(heal)[2], tmp_path / "run")
    checks = checks_of(run, heal)
    assert agrees(checks) and {check.verdict for check in checks} == {"same"}


@RUNS
@pytest.mark.parametrize("lie", wide_but(LIES, *OFTEN))
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


@pytest.mark.wide
def test_fewer_controls_than_are_measured_is_different(tmp_path):
    run = shutil.copytree(made()[2], tmp_path / "run")
    report(lambda record: record["controls"].pop())(run)
    wrong = different(checks_of(run, True, quick=False))
    assert any("in its place" in what for what in wrong)
    assert all("in its place" in what or what == "verdict" for what in wrong)  # which names what did it, from controls


@pytest.mark.wide
def test_an_interrupted_run_is_not_credited_to_a_recipe_that_removes_nothing(tmp_path, monkeypatch):
    import fairhub.publish.reproduce as module

    run = shutil.copytree(made(False)[2], tmp_path / "run")
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))
    with monkeypatch.context() as stopped:
        stopped.setattr(module, "assemble", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            checks_of(run, False)
    for name in ("recipe.json", "report.json"):
        altered(name, pruning=[])(run)
    assert "divergence (held_out, axis all, context all)" in different(checks_of(run, False))


@pytest.mark.wide
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
