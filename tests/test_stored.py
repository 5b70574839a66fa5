"""What comes in 16 bits goes out in 16 bits, and what is measured are the rounded weights that go out."""

import json
from dataclasses import replace
from pathlib import Path

import planted
import pytest
import torch
from planted import PLAN, SIZES
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from fairhub.edit.repair import Repair, applied, rounded
from fairhub.methods import Outcome, final
from fairhub.model.loading import load
from fairhub.model.saving import held_in, save
from fairhub.pipeline import repair
from fairhub.proof.prover import Prover
from fairhub.proof.recipe import read_recipe, weights_of
from fairhub.publish.checking import checked
from fairhub.publish.reproduce import Mine, agrees, reproduce
from fairhub.request import Request

TOKENS = torch.arange(3, 43).reshape(2, 20)
FLOATS = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
pytestmark = pytest.mark.usefixtures("brief")


def logits(model: torch.nn.Module) -> torch.Tensor:
    """What a model says after a few tokens."""
    with torch.inference_mode():
        said: torch.Tensor = model(TOKENS).logits
    return said


def base(folder: Path, dtype: torch.dtype) -> Path:
    """The planted model's folder, its weights in this type."""
    return planted.save(planted.planted_model().to(dtype), folder)


def types(folder: Path) -> set[torch.dtype]:
    """The types of all tensors of a model's file."""
    return {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()}


@pytest.mark.wide
def test_a_checkpoint_of_16_bits_goes_out_in_16_bits_as_it_was_measured_and_is_reproduced(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))
    place, proved = base(tmp_path / "base", torch.bfloat16), []
    everything = Prover.everything

    def seen(self: Prover, outcome: Outcome):
        with applied(self.loaded.model, outcome.repair):
            proved.append(logits(self.loaded.model))
        return everything(self, outcome)

    monkeypatch.setattr(Prover, "everything", seen)
    plan = replace(PLAN, keep="0.9", erasures=(1.0,), whole_front=True, alternatives=False)
    request, run = Request("two_sided", plan=plan, sizes=SIZES, text=text), tmp_path / "run"
    made = repair(load(str(place)), request, run)
    assert made.healing is not None
    assert types(run / "model") == {torch.bfloat16}
    told = json.loads((run / "model" / "config.json").read_text())
    assert told["dtype"] == told["torch_dtype"] == "bfloat16"
    again = AutoModelForCausalLM.from_pretrained(run / "model", dtype=torch.float32).eval()
    assert torch.equal(logits(again), proved[0])
    recipe = read_recipe(run / "recipe.json")
    assert (recipe.base_model["dtype"], recipe.stored) == ("float32", torch.bfloat16)
    checked(run)  # what publishing asks of a run
    checks = reproduce(str(run), mine=Mine(base=str(place), text=text))
    assert agrees(checks) and {check.verdict for check in checks} == {"same"}


@pytest.mark.parametrize("kind", FLOATS)
def test_what_goes_out_has_the_type_of_the_checkpoint(kind: str, tmp_path: Path) -> None:
    loaded = load(str(base(tmp_path / "base", FLOATS[kind])))
    assert loaded.model.dtype == torch.float32
    assert loaded.stored == (None if kind == "F32" else FLOATS[kind])
    before = logits(loaded.model)
    save(loaded.model, loaded.tokenizer, loaded.own, tmp_path / "made", loaded.stored)
    assert torch.equal(logits(loaded.model), before)
    one, two = (load_file(tmp_path / part / "model.safetensors") for part in ("base", "made"))
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    assert types(tmp_path / "made") == {FLOATS[kind]}


def test_a_type_that_was_asked_for_goes_out(tmp_path: Path) -> None:
    place = str(base(tmp_path / "base", torch.bfloat16))
    assert load(place, dtype=torch.float32).stored is None
    half = load(place, dtype=torch.bfloat16)
    assert half.stored is None and half.model.dtype == torch.bfloat16


def test_a_checkpoint_of_several_types_goes_out_as_it_is_computed(tmp_path: Path) -> None:
    model = planted.planted_model().to(torch.bfloat16)
    model.model.norm.to(torch.float32)
    assert load(str(planted.save(model, tmp_path / "mixed"))).stored is None


def test_weights_held_in_another_type_come_back_with_all_that_is_computed_beside_them() -> None:
    model = planted.planted_model().to(torch.bfloat16).to(torch.float32)
    kept, rotation = weights_of(model), model.model.rotary_emb.inv_freq.clone()
    with held_in(model, torch.bfloat16):
        assert model.dtype == torch.bfloat16 and model.model.rotary_emb.inv_freq.dtype == torch.float32
    assert weights_of(model) == kept and torch.equal(model.model.rotary_emb.inv_freq, rotation)
    assert weights_of(model, torch.bfloat16) != kept


def test_what_is_rounded_is_the_patch_and_nothing_where_no_type_is_narrower() -> None:
    weight = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    made = Outcome(
        Repair(patch={(0, "head"): weight}), None, {}, {}, [], {"other": Repair(patch={(1, "head"): weight})}
    )
    assert final(made, None) is made and rounded(made.repair, None) is made.repair
    half = final(made, torch.bfloat16)
    for patch in (half.repair.patch[0, "head"], half.ablations["other"].patch[1, "head"]):
        assert patch.dtype == torch.float32 and torch.equal(patch, weight.bfloat16().float())
        assert not torch.equal(patch, weight)
