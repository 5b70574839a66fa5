"""`import fairhub`: what it offers comes when asked for, measures a model in memory, and leaves it bit by bit alone."""

import copy
import dataclasses
import subprocess
import sys

import fake_report
import planted
import pytest
import torch
from tiny import ARCHITECTURES
from transformers import AutoModel, AutoModelForCausalLM

import fairhub
from fairhub import card
from fairhub.errors import UserError
from fairhub.inputs.sizes import Sizes
from fairhub.model.loading import IN_MEMORY, in_memory
from fairhub.proof.recipe import read_recipe
from fairhub.report import audit_table, origin

pytestmark = pytest.mark.usefixtures("brief", "offline")
FEW = Sizes(
    held_out=24, external=24, control=24, search=16, select=16, held_out_tokens=1024, search_tokens=1024,
    select_tokens=1024, judged=16, judged_near=8, traits=12, choices=12, passages=6,
)  # fmt: skip


ONE_HEAD = dataclasses.replace(planted.PLAN, units=1)


def snapshot(model):
    """Everything of a model that a measurement could leave changed."""
    tensors = {**model.state_dict(), **dict(model.named_buffers())}
    return {
        "bits": {name: tensor.detach().clone().cpu().numpy().tobytes() for name, tensor in tensors.items()},
        "places": {name: (tensor.data_ptr(), tensor.device, tensor.dtype) for name, tensor in tensors.items()},
        "training": {name: module.training for name, module in model.named_modules()},
        "asked": {name: parameter.requires_grad for name, parameter in model.named_parameters()},
        "hooks": {
            name: [list(getattr(module, kind)) for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")]
            for name, module in model.named_modules()
        },
        "methods": {name: "forward" in vars(module) for name, module in model.named_modules()},
        "config": model.config.to_json_string(),
        "modules": [(name, type(module)) for name, module in model.named_modules()],
        "random": torch.get_rng_state().numpy().tobytes(),
    }  # fmt: skip


def in_training(name="llama"):
    """A model as somebody's training has it: in training mode but for a part, some weights frozen, with a hook."""
    model = planted.planted_model(name).train().requires_grad_(True)
    next(model.parameters()).requires_grad_(False)
    list(model.modules())[-1].eval()
    model.get_output_embeddings().register_forward_hook(lambda *_: None)
    return model


def test_importing_it_loads_neither_torch_nor_transformers():
    heavy = "{'torch', 'transformers', 'numpy', 'typer'}"
    code = [sys.executable, "-c", f"import sys, fairhub; dir(fairhub); print(sorted({heavy} & set(sys.modules)))"]
    assert subprocess.run(code, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_it_offers_what_it_says_and_nothing_by_accident():
    assert set(fairhub.__all__) <= set(dir(fairhub)) and {"load", "audit", "repair", "Report"} <= set(fairhub.__all__)
    assert all(callable(getattr(fairhub, name)) and getattr(fairhub, name).__doc__ for name in fairhub.__all__)
    with pytest.raises(AttributeError, match="no attribute 'audits'"):
        _ = fairhub.audits


def test_names_of_where_a_model_came_from_are_the_same_everywhere():
    assert origin.IN_MEMORY == IN_MEMORY


@pytest.mark.parametrize("name", ["llama", pytest.param("gpt2", marks=pytest.mark.wide),
                                  pytest.param("gptj", marks=pytest.mark.wide)])  # fmt: skip
def test_an_audit_leaves_a_model_in_memory_as_it_was(name, text):
    model, tokenizer = in_training(name), copy.deepcopy(planted.tokenizer())
    tokenizer.backend_tokenizer.enable_truncation(3)
    before = snapshot(model)
    found = fairhub.audit(model, tokenizer, axes="gender", text=text, sizes=FEW, name="mine")
    assert snapshot(model) == before
    assert tokenizer.backend_tokenizer.truncation["max_length"] == 3
    assert (found.model, found.revision) == ("mine", "memory") and found.figure("judgement", axis="gender").items > 0
    model(torch.arange(6)[None], labels=torch.arange(6)[None]).loss.backward()  # what it kept is no inference tensor
    assert any(parameter.grad is not None for parameter in model.parameters())


def test_positive_control_a_change_of_any_kind_would_be_seen():
    model = in_training()
    before = snapshot(model)
    changes = (
        lambda: next(iter(model.parameters())).data.view(-1)[0].add_(1e-7 + 1), lambda: model.eval(),
        lambda: model.requires_grad_(True), lambda: model.lm_head.register_forward_hook(lambda *_: None),
        lambda: torch.rand(1), lambda: setattr(model, "forward", model.forward),
    )  # fmt: skip
    for change in changes:
        change()
        assert snapshot(model) != before
        before = snapshot(model)


@pytest.mark.parametrize("error", [KeyboardInterrupt, UserError, RuntimeError])
def test_an_audit_that_is_interrupted_leaves_it_as_it_was(error, text, monkeypatch):
    model = in_training()
    before = snapshot(model)

    def stop(*_):
        assert not any(module.training for module in model.modules())
        assert not any(parameter.requires_grad for parameter in model.parameters())
        raise error("stopped")

    monkeypatch.setattr("fairhub.python.auditing.measured", stop)
    with pytest.raises(error):
        fairhub.audit(model, planted.tokenizer(), text=text, sizes=FEW)
    assert snapshot(model) == before


def test_a_check_that_a_hook_ends_puts_back_what_it_zeroed():
    model = in_training()
    own = model.model.layers[0].self_attn.o_proj
    bits = own.weight.detach().clone()

    def stop(module, given, output):
        if not module.weight.equal(bits):
            raise RuntimeError("a hook of the user's own")

    own.register_forward_hook(stop)
    before = snapshot(model)
    with pytest.raises(RuntimeError, match="own"):
        fairhub.audit(model, planted.tokenizer())
    assert snapshot(model) == before


@pytest.mark.wide
def test_a_model_in_memory_is_measured_as_the_same_model_from_a_folder(planted_folder, text):
    kept = {"axes": ["gender"], "text": str(text), "sizes": FEW}
    loaded = fairhub.load(str(planted_folder))
    model = AutoModelForCausalLM.from_pretrained(planted_folder)
    assert fairhub.audit(loaded, **kept).figures == fairhub.audit(model, planted.tokenizer(), **kept).figures


@pytest.mark.wide
def test_hooks_are_measured_and_nothing_is_remembered_unless_asked(text, tmp_path):
    model, asked = planted.planted_model(), {"axes": "gender", "text": text, "sizes": FEW}
    plain = fairhub.audit(model, planted.tokenizer(), **asked)
    assert not (tmp_path / "cache").exists()
    remembered = fairhub.audit(model, planted.tokenizer(), **asked, remember=True)
    assert remembered == plain and list((tmp_path / "cache").rglob("*.npz"))
    model.lm_head.register_forward_hook(lambda module, given, logits: logits * 0.5)
    assert fairhub.audit(model, planted.tokenizer(), **asked) != plain


@pytest.mark.parametrize("model, tokenizer, said", [
    ("org/name", None, "got str; load it"), (None, None, "got NoneType"), ("planted", None, "comes with its tokenizer"),
    ("planted", "tokenizer", "comes with its tokenizer; got str"), ("headless", "own", "a head for words"),
    ("half", "own", "quantised weights"), ("nan", "own", "weights must be finite numbers; model.embed"),
    ("loaded", "own", "has its tokenizer; a second one arrived"),
])  # fmt: skip
def test_what_is_no_model_is_refused_in_one_line_and_left_as_it_was(model, tokenizer, said):
    made = {
        "planted": planted.planted_model, "headless": lambda: AutoModel.from_config(planted.planted_model().config),
        "half": lambda: planted.planted_model().to(torch.float8_e4m3fn), "nan": lambda: _spoiled(),
        "loaded": lambda: planted.loaded(planted.planted_model()),
    }.get(model, lambda: model)()  # fmt: skip
    tokens = planted.tokenizer() if tokenizer == "own" else tokenizer
    with pytest.raises(UserError) as refused:
        fairhub.audit(made, tokens)
    assert said in str(refused.value)


def _spoiled():
    model = planted.planted_model()
    next(model.parameters()).data[0, 0] = float("nan")
    return model


@pytest.mark.parametrize("how, said", [
    ({"axes": "height"}, "height"), ({"chat": "maybe"}, "--chat must be one of"), ({"suite": "huge"}, "suite"),
    ({"probes": "nowhere.jsonl"}, "nowhere.jsonl"), ({"text": "nowhere.txt"}, "nowhere.txt"),
])  # fmt: skip
def test_mistakes_are_one_line(how, said):
    model = in_training()
    before = snapshot(model)
    with pytest.raises(UserError) as refused:
        fairhub.audit(model, planted.tokenizer(), **how)
    assert said in str(refused.value) and snapshot(model) == before


def test_a_tokenizer_of_another_model_is_refused():
    with pytest.raises(UserError, match="every token has a row"):
        in_memory(ARCHITECTURES["llama"](), planted.tokenizer(), "tiny")


def test_an_audit_shows_itself():
    found = fairhub.Audit("<b>\x1b[31mme", "memory", tuple(fake_report.audit().figures))
    assert str(found) == found.table() == audit_table(found.figures) and found.verdict.startswith("Audit only")
    shown = found._repr_html_()
    assert "&lt;b&gt;" in shown and "<b>\x1b" not in shown and "\x1b" not in shown and "Who is judged worse" in shown
    with pytest.raises(KeyError, match="was not measured on held_out"):
        found.figure("judgement", axis="height")
    with pytest.raises(AttributeError):
        found.model = "other"


def test_a_report_shows_itself_small_and_escaped():
    hostile = "<script>alert(1)</script>\u202e"
    made = fake_report.report(verdict=hostile, base_model={"id": hostile, "revision": "memory", "sha256": ""})
    shown = made._repr_html_()
    assert "<script" not in shown and "&lt;script&gt;" in shown and "\u202e" not in shown
    assert "judgement gap squared" in shown and len(shown) < 10_000
    assert "<table>" not in fake_report.report(measured=())._repr_html_(), "nothing measured, no table"


@pytest.mark.wide
def test_a_repair_leaves_the_model_as_it_was_and_says_that_it_came_from_memory(text, tmp_path, refused):
    model = in_training()
    before = snapshot(model)
    how = {"method": "random", "axes": "gender", "text": text, "sizes": planted.SIZES, "plan": ONE_HEAD}
    made = fairhub.repair(model, planted.tokenizer(), out=tmp_path / "run", name="mine", **how)
    assert {**snapshot(model), "random": 0} == {**before, "random": 0}
    assert isinstance(made, fairhub.Report) and made.base_model["revision"] == "memory" and made.pruning
    recipe = read_recipe(tmp_path / "run" / "recipe.json").base_model
    loaded = in_memory(copy.deepcopy(model).eval().requires_grad_(False), planted.tokenizer())
    assert (recipe["id"], recipe["revision"], recipe["sha256"]) == ("mine", "memory", loaded.sha256())
    assert (
        "given to fairhub as it stood in memory" in card.render(made)
        and "base_model" not in card.metadata(made).to_dict()
    )
    assert "is a model in memory (mine); add --base" in refused("reproduce", tmp_path / "run", "--text", text)
    repaired = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model")
    changed = [name for name, weight in repaired.state_dict().items() if not weight.equal(model.state_dict()[name])]
    assert changed, "what was written is repaired"
    again = fairhub.repair(model, planted.tokenizer(), out=tmp_path / "own", name="mine", inplace=True, **how)
    assert again.pruning == made.pruning
    assert all(weight.equal(repaired.state_dict()[name]) for name, weight in model.state_dict().items())
    kept = snapshot(model)
    assert all(kept[part] == before[part] for part in ("training", "asked", "hooks", "methods", "modules"))
