"""BBQ, CrowS-Pairs, LAMBADA and BoolQ agree with lm-eval's own tasks on the same rows (extra `lm-eval`)."""

import json
from pathlib import Path

import benchmark_rows
import numpy as np
import pytest
from tiny import ARCHITECTURES

from fairhub.compute.likelihood import likelihoods
from fairhub.inputs.probes.public import installed
from fairhub.inputs.rows.sources import find
from fairhub.measure.benchmarks import bbq, choices, crows_pairs, lambada
from fairhub.measure.benchmarks.sampling import sample
from fairhub.model.loading import Loaded, load

lm_eval = pytest.importorskip("lm_eval", reason="pip install fairhub[lm-eval]")
pytestmark = [pytest.mark.peer, pytest.mark.slow]

YAMLS = {
    "bbq": "bbq/bbq_multiple_choice.yaml",
    "crows_pairs": "crows_pairs/crows_pairs_english.yaml",
    "lambada": "lambada/lambada_openai.yaml",
    "boolq": "super_glue/boolq/default.yaml",
}


@pytest.fixture(scope="module", params=["tiny", "embedded"])
def loaded(request):
    if request.param == "embedded":
        return load()
    return Loaded(
        ARCHITECTURES["llama"](max_position_embeddings=2048), request.getfixturevalue("tokenizer"), "tiny", "local"
    )


def theirs(name, rows, loaded, folder):
    """lm-eval's results with its own task definition on these rows."""
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    original = Path(lm_eval.__file__).parent / "tasks" / YAMLS[name]
    split = "validation" if name == "boolq" else "test"
    (folder / f"{name}.yaml").write_text(
        f"include: {original}\ntask: same_rows_{name}\ndataset_path: json\ndataset_name: null\n"
        f"dataset_kwargs:\n  data_files:\n    {split}: {file}\ntraining_split: null\n{split}_split: {split}\n"
    )
    found = lm_eval.simple_evaluate(
        model=HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=1),
        tasks=[f"same_rows_{name}"], task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0, log_samples=False,
    )  # fmt: skip
    return {key.partition(",")[0]: value for key, value in found["results"][f"same_rows_{name}"].items()}


def answered(loaded, asks):
    return likelihoods(loaded.model, loaded.tokenizer, asks)


def test_bbq(loaded, tmp_path):
    """lm-eval offers ten ways to say unknown where BBQ has one; with the same options all figures are the same."""
    from lm_eval.tasks.bbq.utils import UNKNOWN_RESPONSES

    rows = [row | {"target": 0} for row in benchmark_rows.bbq_rows()]
    if installed() is not None:
        public = [
            row for row in find(bbq.SOURCE).rows if row["category"] in ("Age", "Religion") and row["target"] is not None
        ]
        rows += sample(public, 40, lambda row: row["category"], bbq.cluster, lambda row: row["example_id"] // 4)
    expected = theirs("bbq", [{k: v for k, v in row.items() if k != "target"} for row in rows], loaded, tmp_path)
    asks = bbq.questions(rows, UNKNOWN_RESPONSES)
    places = [[i for i in range(3) if i != bbq.unknown(row)] for row in rows]
    picks = bbq.picked(answered(loaded, asks), asks)
    own = [two[pick] if pick < 2 else bbq.unknown(row) for row, two, pick in zip(rows, places, picks, strict=True)]
    sums = bbq.columns(rows, own).sum(0)
    assert sums[1] / sums[0] == pytest.approx(expected["accuracy_amb"], abs=1e-3)
    assert sums[5] / sums[4] == pytest.approx(expected["accuracy_disamb"], abs=1e-3)
    assert float(bbq.bias_score(sums, False)) == pytest.approx(expected["amb_bias_score"], abs=1e-3)
    assert float(bbq.bias_score(sums, True)) == pytest.approx(expected["disamb_bias_score"], abs=1e-3)


def test_crows_pairs(loaded, tmp_path):
    names = ("sent_more", "sent_less", "bias_type")
    rows = [dict(zip(names, row, strict=True)) for row in benchmark_rows.CROWS]
    if installed() is not None:
        rows += sample(find(crows_pairs.SOURCE).rows, 40, lambda row: row["bias_type"], lambda row: row["sent_more"])
    rows = [{name: text.strip() for name, text in row.items()} for row in rows]
    expected = theirs("crows_pairs", rows, loaded, tmp_path)
    answers = answered(loaded, crows_pairs.questions(rows))
    assert crows_pairs.columns(answers)[:, 0].mean() == pytest.approx(expected["pct_stereotype"], abs=1e-3)
    apart = np.abs(np.diff(answers.loglik.reshape(-1, 2), axis=1)).mean()
    assert apart == pytest.approx(expected["likelihood_diff"], rel=1e-3)


def test_lambada(loaded, tmp_path):
    rows = [{"text": text} for text in (
        "She gave the dog a bone and the cat a bowl of milk", "He went home to his wife", "The sun rises in the east",
        "Paris is the capital of France and London is the capital of England", "He opened the door with his key",
    )]  # fmt: skip
    expected = theirs("lambada", rows, loaded, tmp_path)
    greedy, nll, _ = lambada.columns(answered(loaded, lambada.questions(rows))).T
    assert greedy.mean() == pytest.approx(expected["acc"], abs=1e-3)
    assert np.exp(nll.mean()) == pytest.approx(expected["perplexity"], rel=1e-3)


def test_boolq(loaded, tmp_path):
    passage = "Rain is water that falls from clouds. Sand is dry."
    asked = [("is rain wet", True), ("is sand wet", False), ("does rain fall", True), ("is rain sand", False)]
    rows = [{"passage": passage, "question": question, "label": int(label)} for question, label in asked]
    expected = theirs("boolq", rows, loaded, tmp_path)
    made = [choices.boolq(row) for row in rows]
    asks = [choices.Question(c.prompt, tuple(f" {o}" for o in c.options)) for c in made]
    right = choices.columns(made, asks, answered(loaded, asks))[:, 0]
    assert right.mean() == pytest.approx(expected["acc"], abs=1e-3)
