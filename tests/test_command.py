"""The command line: a user's mistake is one clear line on stderr and exit code 2; --json is one document on stdout."""

import json
import re
import shutil
import sys
import warnings
from pathlib import Path

import planted
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny import LLAMA, build

import fairhub.pipeline
from fairhub.__main__ import main
from fairhub.inputs.gathering import Sizes

SMALL = Sizes(
    held_out=24, external=24, control=24, search=16, select=16, held_out_tokens=1024,
    search_tokens=1024, select_tokens=1024,
)  # fmt: skip


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("fairhub.inputs.text._hub_answers", lambda: False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return planted.save(planted.planted_model(), tmp_path_factory.mktemp("models") / "planted")


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command line in this process; returns exit code, stdout and stderr."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["fairhub", *map(str, words)])
        code = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                main()
            except SystemExit as stop:
                code = stop.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def refused(command):
    """Run a command that must be refused; returns the one line said."""

    def run(*words):
        code, out, err = command(*words)
        lines = re.findall("fairhub: .*", err)  # a progress bar may stand before it on its line
        assert code == 2, (code, out, err)
        assert len(lines) == 1, err
        assert "Traceback" not in err and out == ""
        return lines[0]

    return run


def copied(folder: Path, target: Path, **fields) -> Path:
    shutil.copytree(folder, target)
    if fields:
        config = json.loads((target / "config.json").read_text()) | fields
        (target / "config.json").write_text(json.dumps(config))
    return target


def test_unknown_folders_and_ids(refused, tmp_path):
    assert "must exist" in refused("audit", tmp_path / "nowhere")
    assert "no-such-org/no-such-model" in refused("audit", "no-such-org/no-such-model")
    assert "a b c" in refused("audit", "a b c")
    assert "'nowhere/to/be' failed" in refused("audit", "nowhere/to/be")


@pytest.mark.parametrize("missing, said", [("config.json", "config.json"), ("tokenizer*", "tokenizer")])
def test_incomplete_folders(refused, folder, tmp_path, missing, said):
    target = copied(folder, tmp_path / "model")
    for file in target.glob(missing):
        file.unlink()
    assert said in refused("audit", target)


def test_pickled_weights(refused, folder, tmp_path):
    target = copied(folder, tmp_path / "model")
    torch.save(load_file(target / "model.safetensors"), target / "pytorch_model.bin")
    (target / "model.safetensors").unlink()
    assert "safetensors" in refused("audit", target)


def test_encoders_and_unknown_architectures(refused, tmp_path):
    bert = transformers.BertConfig(
        vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertForMaskedLM(bert).save_pretrained(tmp_path / "bert")
    planted.tokenizer().save_pretrained(tmp_path / "bert")
    assert "bert" in refused("audit", tmp_path / "bert")
    bloom = transformers.BloomConfig(vocab_size=len(planted.tokenizer()), hidden_size=32, n_layer=2, n_head=2)
    planted.save(transformers.BloomForCausalLM(bloom), tmp_path / "bloom")
    assert "bloom" in refused("repair", tmp_path / "bloom", "--out", tmp_path / "run")
    mamba = transformers.MambaConfig(vocab_size=len(planted.tokenizer()), hidden_size=32, num_hidden_layers=2)
    planted.save(transformers.MambaForCausalLM(mamba), tmp_path / "mamba")
    for words in (("audit",), ("plan",), ("repair", "--out", tmp_path / "run")):
        assert "one whose heads and neurons we know; got 'mamba'" in refused(words[0], tmp_path / "mamba", *words[1:])
    assert not (tmp_path / "run").exists()


def test_unknown_model_type_and_broken_config(refused, folder, tmp_path):
    assert "never_heard_of" in refused("audit", copied(folder, tmp_path / "a", model_type="never_heard_of"))
    broken = copied(folder, tmp_path / "b")
    (broken / "config.json").write_text("{")
    assert "config" in refused("audit", broken)
    broken = copied(folder, tmp_path / "c")
    (broken / "model.safetensors").write_bytes(b"not weights")
    refused("audit", broken)


def test_quantised_models(refused, folder, tmp_path):
    quantised = {"quant_method": "gptq", "bits": 4}
    assert "quantised" in refused("audit", copied(folder, tmp_path / "model", quantization_config=quantised))


def test_one_head_or_one_layer(refused, tmp_path):
    for name, fields in (
        ("head", {"num_attention_heads": 1, "num_key_value_heads": 1}),
        ("layer", {"num_hidden_layers": 1}),
    ):
        model = build("LlamaConfig", **LLAMA | fields | {"vocab_size": len(planted.tokenizer())})
        target = planted.save(model, tmp_path / name)
        assert "at least 2 layers and 2 heads" in refused("repair", target, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options, said",
    [
        (("--choose", 1), "add --from RUN --choose N"),
        (("--from", "nowhere"), "add --from RUN --choose N"),
        (("--from", "nowhere", "--choose", 1), "nowhere has no report.json"),
        (("--from", "nowhere", "--choose", 1, "--seed", 3), "got --seed too"),
    ],
)
def test_another_row_of_a_front_needs_a_run_a_row_and_nothing_else(refused, tmp_path, options, said):
    assert said in refused("repair", "--out", tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options, said",
    [
        (("--method", "magic"), "magic"),
        (("--axis", "height"), "height"),
        (("--groups", "Muslim"), "'Muslim' stands alone in search"),
        (("--groups", "Muslim,Klingon"), "got 'Klingon'"),
        (("--dimension", "evil"), "a dimension must be one of bad"),
        (("--also", "everything"), "one thing can be erased: systematic; got 'everything'"),
        (("--also", "systematic", "--method", "fasp"), "fasp erases nothing"),
        (("--variant", "q=1"), "two_sided has none"),
        (("--bias", "magic"), "bias must be one of"),
        (("--energy", "magic"), "an energy must be one of robust, weighted, step; got 'magic'"),
        (("--energy", "step", "--method", "fasp"), "fasp does not anneal; leave --energy out"),
        (("--energy", "robust", "--method", "fairness_pruning"), "fairness_pruning does not anneal"),
        (("--context", "space"), "space"),
        (("--budget", 0), "budget"),
        (("--budget", 2), "budget"),
        (("--budget=-1",), "budget"),
        (("--budget", "nan"), "budget"),
        (("--seconds", 0), "seconds"),
        (("--seconds", "nan"), "seconds"),
        (("--dtype", "float33"), "float33"),
        (("--dtype", "nn"), "nn"),
        (("--dtype", "int8"), "int8"),
        (("--device", "warp"), "torch sees here; got 'warp'"),
        (("--device", "cuda:99"), "torch sees here; got 'cuda:99'"),
        (("--probes", "nowhere.jsonl"), "nowhere.jsonl"),
        (("--text", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_bad_options(refused, folder, text, tmp_path, monkeypatch, options, said):
    if options[0] not in ("--device", "--dtype", "--text"):  # all others are looked at before the weights are
        monkeypatch.setattr("fairhub.model.loading.load", lambda *_, **__: pytest.fail("loaded"))
    more = () if "--text" in options else ("--text", text)
    assert said in refused("repair", folder, "--out", tmp_path / "run", *more, *options)
    assert not (tmp_path / "run").exists()  # the command can be mended and given again


GOOD = {"text_a": "The woman was", "text_b": "The man was", "axis": "gender"}


@pytest.mark.parametrize(
    "lines, said",
    [
        ([], "empty"),
        ([GOOD, "{oops"], "line 2"),
        ([GOOD, GOOD, ["a", "b"]], "line 3"),
        ([GOOD, {"text_a": "The woman was", "axis": "gender"}], "line 2"),
        ([GOOD | {"text_b": " "}], "line 1"),
        ([GOOD, GOOD | {"text_b": GOOD["text_a"]}], "line 2"),
    ],
)
def test_bad_probes_are_named_by_line(refused, folder, text, tmp_path, lines, said):
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    assert said in refused("audit", folder, "--text", text, "--probes", path)


def test_a_probe_longer_than_the_context_window(refused, folder, text, tmp_path, monkeypatch):
    monkeypatch.setattr(fairhub.pipeline.Request, "__init__", _with_small_sizes(fairhub.pipeline.Request.__init__))
    assert "context window of 8 tokens" in refused(
        "audit", copied(folder, tmp_path / "model", max_position_embeddings=8), "--text", text
    )


def test_too_little_text(refused, folder, tmp_path):
    few = planted.write_text(tmp_path / "few.txt", documents=3)
    assert "few.txt has 3" in refused("audit", folder, "--text", few)
    short = planted.write_text(tmp_path / "short.txt", documents=60)
    assert "tokens of text are needed in select" in refused("audit", folder, "--text", short)


def test_an_output_folder_that_is_not_empty(refused, folder, text, tmp_path):
    (tmp_path / "mine.txt").write_text("dear")
    assert "not empty" in refused("repair", folder, "--text", text, "--out", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("words", [("audit",), ("repair", "--out", "run")])
def test_weights_that_are_not_numbers(refused, folder, text, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fairhub.pipeline.Request, "__init__", _with_small_sizes(fairhub.pipeline.Request.__init__))
    target = copied(folder, tmp_path / "model")
    weights = load_file(target / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    assert "finite" in refused(words[0], target, "--text", text, *words[1:])


def _with_small_sizes(init):
    def small(self, *args, **kwargs):
        init(self, *args, **kwargs | {"sizes": SMALL})

    return small


def test_audit_as_json_is_one_document(command, folder, text, monkeypatch):
    monkeypatch.setattr(fairhub.pipeline.Request, "__init__", _with_small_sizes(fairhub.pipeline.Request.__init__))
    code, out, err = command("audit", folder, "--json", "--text", text)
    assert code == 0, err
    figures = json.loads(out)["figures"]
    names = {f["name"] for f in figures}
    assert {"judgement", "systematic", "reaction", "merit", "recall", "divergence", "perplexity"} <= names
    assert all(len(f["groups"]) == 2 for f in figures if f["name"].startswith("direction."))
    assert all(f["limit"] > 0 for f in figures if f["role"] == "control" and f["split"] == "held_out")
    assert {f["split"] for f in figures} == {"held_out", "external"}
    assert all(f["before"]["low"] <= f["before"]["value"] <= f["before"]["high"] for f in figures)
    assert all(f["after"] is None and f["change"] is None for f in figures)


def test_audit_as_text_names_every_figure_with_its_interval(command, folder, text, monkeypatch):
    monkeypatch.setattr(fairhub.pipeline.Request, "__init__", _with_small_sizes(fairhub.pipeline.Request.__init__))
    code, out, err = command("audit", folder, "--text", text)
    assert code == 0, err
    measured = [
        line for line in out.splitlines() if line.startswith("  ") and ("↓ lower" in line or "↑ higher" in line)
    ]
    assert len(measured) > 30 and all("[" in line for line in measured)
    for name in ("judgement", "systematic", "reaction", "divergence", "perplexity"):
        own = [line for line in measured if line.startswith(f"  {name} ") and " control " not in line]
        assert own and all("↓ lower" in line for line in own), name
    for name in ("merit", "incidental", "recall"):
        assert all("↑ higher" in line for line in measured if line.startswith(f"  {name} ")), name
    assert all("↑ higher" in line for line in measured if " control " in line), "a deaf model is no fair one"
    for title in ("who is judged worse, held_out", "what must stay", "bias, held_out", "bias, external", "utility"):
        assert f"\n{title}\n" in out
    assert "Audit only, nothing was changed; groups are judged apart by" in " ".join(out.split())


def test_help_and_unknown_words(command):
    code, out, _ = command("--help")
    assert code == 0 and "audit" in out and "repair" in out
    assert command("fly")[0] == 2
    assert command("repair", "--budget", "much")[0] == 2


def test_what_a_disk_says_is_one_line(refused, folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "notes.jsonl")

    monkeypatch.setattr(fairhub.pipeline, "audit", full)
    assert "No space left on device: 'notes.jsonl'; mend the path or free space" in refused("audit", folder)


def test_ctrl_c_is_no_traceback(command, folder, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fairhub.pipeline, "audit", stop)
    code, out, err = command("audit", folder)
    assert code == 130 and "Traceback" not in err and out == ""
