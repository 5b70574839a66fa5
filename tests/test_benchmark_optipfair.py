"""The benchmark against optiPfair: both sides lose as many neurons, and what is printed is what was measured."""

import importlib.util
import json
from pathlib import Path

import planted
import pytest

from fairhub.inputs import text as text_
from fairhub.model.architecture import sites

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "optipfair.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_optipfair", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.wide
def test_both_sides_lose_as_many_neurons(benchmark, monkeypatch, tmp_path):
    own = text_.documents(planted.write_text(tmp_path / "neutral.txt", documents=900))
    monkeypatch.setattr(text_, "documents", lambda path=None: own)
    loaded = planted.loaded(planted.planted_model())
    found = benchmark.measure(loaded, 6)
    assert json.dumps(found) and set(found) == {"name", "ratio", "reach", "reached", "detail"}
    assert found["detail"]["neurons"] == 2 and len(found["detail"]["rows"]) == 3
    for row in found["detail"]["rows"].values():
        for name in ("gap", "divergence", "perplexity"):
            assert row[name] is None or row[name][1] <= row[name][0] <= row[name][2]
    said = benchmark.table(found)
    assert "fairhub, by effect" in said and "optiPfair" in said
    bench = benchmark._Bench(loaded, 6)
    theirs, _ = bench.theirs("diff_then_pool", 0.5, 3)
    ours, _ = bench.ours(3)
    width = {site.count for site in sites(theirs) if site.kind == "neuron"}
    gone = sum(int((site.weight == 0).all(0).sum()) for site in sites(ours) if site.kind == "neuron")
    assert width == {45} and gone == 2 * 3
    assert sum(int((site.weight == 0).all(0).sum()) for site in sites(loaded.model) if site.kind == "neuron") == 0


def test_one_shot_cuts_the_same_share(benchmark, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)  # as where it runs: the scripts share `common`
    spec = importlib.util.spec_from_file_location("benchmark_one_shot", SCRIPT.with_name("one_shot.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.shape()
    assert config.intermediate_size == 8192  # the real one; timed on a small one here
    config.update(
        {
            "vocab_size": len(planted.tokenizer()),
            "hidden_size": 64,
            "intermediate_size": 4096,
            "num_hidden_layers": 2,
            "head_dim": 2,
        }
    )
    found = module.measure(config, planted.tokenizer(), "cpu")
    assert found["detail"]["width"] == 4096 - 8 and found["detail"]["removed"] == 2 * 3 * 8 * 64
    assert found["reached"] is None and found["value"] > 0
