"""A model type that nobody has heard of goes all the way, or is refused by what the self-check saw."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import planted
import pytest
import torch
from planted import PLAN, SIZES
from transformers import CONFIG_MAPPING, AutoModelForCausalLM
from unheard import ForgetfulConfig, InterleavedConfig, TowerConfig, built, registered

from fairhub.edit.repair import Repair, applied
from fairhub.errors import UserError
from fairhub.model.architecture import layout_of
from fairhub.model.loading import Loaded, load
from fairhub.pipeline import repair
from fairhub.proof.prover import Prover
from fairhub.report import Report
from fairhub.request import Request

TOKENS = torch.arange(3, 43).reshape(2, 20)
pytestmark = pytest.mark.usefixtures("brief")


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    """The made-up types, for one test each."""
    with registered():
        yield
    assert not [name for name in CONFIG_MAPPING if name.startswith("made_up_")]


def saved(config: type[TowerConfig], folder: Path) -> Path:
    """A folder with a tiny model of that type and its tokenizer."""
    return planted.save(built(config(vocab_size=len(planted.tokenizer()))), folder)


def logits(model: torch.nn.Module) -> torch.Tensor:
    """What a model says after a few tokens."""
    with torch.inference_mode():
        said: torch.Tensor = model(TOKENS).logits
    return said


def repaired(loaded: Loaded, text: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Report, torch.Tensor]:
    """A run of the default method, and the logits of the repair that the proof measured."""
    proved: list[torch.Tensor] = []
    everything = Prover.everything

    def seen(self: Prover, outcome):
        with applied(self.loaded.model, outcome.repair):
            proved.append(logits(self.loaded.model))
        return everything(self, outcome)

    monkeypatch.setattr(Prover, "everything", seen)
    plan = replace(PLAN, erasures=(1.0,), strength=1.0)
    written = repair(loaded, Request("two_sided", plan=plan, sizes=SIZES, text=text), folder)
    return written, proved[0]


@pytest.mark.wide
def test_it_is_repaired_end_to_end_and_stock_transformers_loads_the_result(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(str(saved(TowerConfig, tmp_path / "base")))
    before = logits(loaded.model)
    written, proved = repaired(loaded, text, tmp_path / "run", monkeypatch)
    assert written.healing is not None and written.healing["refitted_projections"] > 0
    again, problems = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model", output_loading_info=True)
    assert not any(problems.values()) and type(again).__name__ == "TowerForCausalLM"
    assert torch.equal(logits(again.eval()), proved) and not torch.allclose(proved, before, atol=1e-3)


def test_where_nothing_is_called_attention_its_parts_are_found_and_proved(tmp_path: Path) -> None:
    layout = layout_of(load(str(saved(TowerConfig, tmp_path / "base"))).model)
    assert (layout.layers, layout.attention) == ("trunk.towers", "mixer.gather")
    assert (layout.mlp, layout.mlp_inputs, layout.mlp_width) == ("blend.narrow", ("blend.widen",), "")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (InterleavedConfig, "4 heads of 8 columns, side by side"),
        (ForgetfulConfig, "sees earlier tokens by their keys and values"),
    ],
)
def test_one_built_against_what_is_taken_for_granted_is_refused_by_its_reason(
    config: type[TowerConfig], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said) as error:
        load(str(saved(config, tmp_path / "base")))
    assert "\n" not in str(error.value) and config.model_type in str(error.value)


def test_an_empty_repair_leaves_it_as_it_was(tmp_path: Path) -> None:
    model = load(str(saved(TowerConfig, tmp_path / "base"))).model
    before = logits(model)
    with applied(model, Repair()):
        assert torch.equal(logits(model), before)
