"""What is saved loads everywhere: the base's own files with what changed, and what older transformers reads too."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import planted
import pytest
import torch
from surgical import logits
from tiny import ARCHITECTURES
from transformers import AutoModelForCausalLM, AutoTokenizer
from zoo import ZOO

from fairhub.edit.editing import shrink_, zero_
from fairhub.model.loading import load
from fairhub.model.saving import save
from fairhub.model.units import Unit

ROTARY = {"rope_theta": 500_000.0, "rope_type": "default"}
SCALED = ROTARY | {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
SHAPES = {
    "llama": {"rope_parameters": ROTARY},
    "llama scaled": {"rope_parameters": SCALED},
    "qwen3": {"rope_parameters": ROTARY},
    "gemma3": {
        "rope_parameters": {"full_attention": ROTARY, "sliding_attention": {"rope_theta": 9e3, "rope_type": "default"}}
    },
    "gpt_neox": {"rope_parameters": ROTARY | {"partial_rotary_factor": 0.25}},
}
OLD = ("transformers==4.57.1", "huggingface_hub==0.36.0", "tokenizers==0.22.1")


def base(name: str, folder: Path) -> Path:
    """A base model as transformers 5 saves it, with its tokenizer."""
    made = {**ARCHITECTURES, **ZOO}[name.split()[0]](vocab_size=len(planted.tokenizer()), **SHAPES.get(name, {}))
    made.save_pretrained(folder)
    planted.tokenizer().save_pretrained(folder)
    return folder


def saved(name: str, folder: Path) -> tuple[Path, torch.Tensor]:
    """The base without two heads, as a repair saves it, and its logits."""
    loaded = load(str(base(name, folder / "base")))
    zero_(loaded.model, frozenset({Unit(0, "head", 1), Unit(1, "head", 2)}))
    (folder / "made").mkdir()
    save(loaded.model, loaded.tokenizer, loaded.own, folder / "made")
    return folder / "made", logits(loaded.model)


@pytest.mark.parametrize("name", SHAPES)
def test_stock_transformers_loads_the_same_model(name: str, tmp_path: Path) -> None:
    folder, expected = saved(name, tmp_path)
    again, problems = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(problems.values())
    torch.testing.assert_close(logits(again.eval()), expected, atol=1e-5, rtol=1e-5)
    text = "The tenant was late"
    assert AutoTokenizer.from_pretrained(folder)(text).input_ids == planted.tokenizer()(text).input_ids


def test_the_bases_own_words_are_kept_and_those_of_older_versions_added(tmp_path: Path) -> None:
    folder, _ = saved("llama scaled", tmp_path)
    config, own = (json.loads((tmp_path / part / "config.json").read_text()) for part in ("made", "base"))
    assert config["rope_theta"] == 500_000 and config["rope_scaling"]["rope_type"] == "llama3"
    assert {key for key in own if config.get(key) != own[key]} <= {"dtype"}
    told = json.loads((folder / "tokenizer_config.json").read_text())
    assert told["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert (folder / "tokenizer.json").read_text() == (tmp_path / "base" / "tokenizer.json").read_text()


def test_a_base_of_older_words_keeps_them_and_where_it_lay_is_not_told(tmp_path: Path) -> None:
    folder = base("llama", tmp_path / "old")
    config = json.loads((folder / "config.json").read_text())
    config |= {"rope_theta": config.pop("rope_parameters")["rope_theta"], "torch_dtype": config.pop("dtype")}
    config |= {
        "_name_or_path": str(tmp_path / "somebody-unlikely"),
        "transformers_version": "4.31.0",
        "a_servers_own_key": 7,
    }
    (folder / "config.json").write_text(json.dumps(config))
    loaded = load(str(folder))
    save(loaded.model, loaded.tokenizer, loaded.own, tmp_path / "made")
    again = json.loads((tmp_path / "made" / "config.json").read_text())
    assert again["rope_theta"] == 500_000 and "rope_parameters" not in again
    assert again["a_servers_own_key"] == 7 and again["transformers_version"] == "4.31.0"
    assert "somebody-unlikely" not in "".join(path.read_text() for path in (tmp_path / "made").glob("*.json"))
    stock = AutoModelForCausalLM.from_pretrained(tmp_path / "made").eval()
    assert torch.equal(logits(stock), logits(loaded.model))


def test_a_narrower_model_says_its_width(tmp_path: Path) -> None:
    loaded = load(str(base("llama", tmp_path / "base")))
    zero_(loaded.model, frozenset(Unit(layer, "neuron", index) for layer in (0, 1) for index in range(16)))
    assert shrink_(loaded.model) == 32
    save(loaded.model, loaded.tokenizer, loaded.own, tmp_path / "made")
    assert json.loads((tmp_path / "made" / "config.json").read_text())["intermediate_size"] == 32
    assert torch.equal(logits(AutoModelForCausalLM.from_pretrained(tmp_path / "made").eval()), logits(loaded.model))


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with transformers 4.57, and torch from here."""
    place = tmp_path_factory.mktemp("old")
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", *OLD], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"transformers 4.57 cannot be installed here: {done.stderr[-200:]}")
    (site,) = (place / "lib").glob("python*/site-packages")
    here = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "zz_torch_from_here.pth").write_text(f"{here}\n")  # after its own, which come first
    return python


_READ = """
import sys, torch, transformers
assert transformers.__version__.startswith("4.57"), transformers.__version__
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, tokens, out = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
with torch.no_grad():
    torch.save((model(torch.load(tokens)).logits, tokenizer("The tenant was late").input_ids), out)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_transformers_4_reads_the_same_logits_and_tokens(name: str, old: Path, tmp_path: Path) -> None:
    from surgical import TOKENS

    folder, expected = saved(name, tmp_path)
    torch.save(TOKENS, tmp_path / "tokens.pt")

    def read(where: Path) -> subprocess.CompletedProcess[str]:
        line = [old, "-c", _READ, where, tmp_path / "tokens.pt", tmp_path / "read.pt"]
        return subprocess.run(line, capture_output=True, text=True, env={"HF_HUB_OFFLINE": "1", "PATH": ""})

    done = read(folder)
    assert done.returncode == 0, done.stderr[-2000:]
    found, ids = torch.load(tmp_path / "read.pt")
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert ids == planted.tokenizer()("The tenant was late").input_ids
    # positive control: what transformers 5 writes on its own is another model there, or none
    again = load(str(tmp_path / "base"))
    zero_(again.model, frozenset({Unit(0, "head", 1), Unit(1, "head", 2)}))
    again.model.save_pretrained(tmp_path / "stock")
    again.tokenizer.save_pretrained(tmp_path / "stock")
    worse = read(tmp_path / "stock")
    assert worse.returncode or not torch.allclose(torch.load(tmp_path / "read.pt")[0], expected, atol=1e-5)
