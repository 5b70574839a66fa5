"""compare: its table is its reports', pairs cancel what both share, equal k is kept, a stopped comparison goes on."""

import dataclasses
import io
import json
import shutil
import sys

import fake_report
import numpy as np
import planted
import pytest
from planted import PLAN, SIZES

import fairhub.studies.compare.running as running
from fairhub import report
from fairhub.__main__ import main
from fairhub.errors import UserError
from fairhub.proof.items import NAME, read_items
from fairhub.report.markup import safe
from fairhub.report.wording import shift
from fairhub.request import Request
from fairhub.studies.compare import compare, markdown, run_methods, text, to_json
from fairhub.studies.compare.differences import difference
from fairhub.studies.compare.picture import pareto


def write_run(folder, method, effects=None, items=None, **parts):
    """A run folder as `compare --runs` needs it: report.json, and items.npz where given."""
    measured = fake_report.figures(effects) if effects else None
    report.write(fake_report.report(measured, method=method, **parts), folder / "report.json")
    if items:
        buffer = io.BytesIO()
        np.savez(buffer, **items)
        (folder / NAME).write_bytes(buffer.getvalue())
    return folder


def measured(effect, cost=0.01, noise=0.05, seed=0):
    """Items of a run: the same probes whatever it did; hard and easy templates, as real ones."""
    rng = np.random.default_rng(7)
    clusters = np.arange(40).repeat(5)
    before = rng.gamma(1, 0.02, size=40).repeat(5) * rng.gamma(8, 1 / 8, size=200)
    felt = rng.normal(0, 0.2, size=40).repeat(5)  # templates on which any repair does better or worse
    own = np.random.default_rng(seed)
    after = before * (1 + effect + felt + noise * own.normal(size=200))
    loss = rng.normal(3, 0.4, size=64)
    paid = loss + np.log1p(cost) + 0.002 * own.normal(size=64)
    return {"held_out": np.stack([before, after]), "held_out templates": clusters.astype(str),
            "loss": np.stack([loss, paid])}  # fmt: skip


@pytest.fixture
def two(made, tmp_path):
    return [shutil.copytree(folder, tmp_path / folder.name) for folder in made]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("runs")
    better = {"search": -0.6, "select": -0.5, "held_out": -0.45, "external": -0.2}
    worse = {"search": -0.6, "select": -0.4, "held_out": -0.30, "external": -0.1}
    return [
        write_run(tmp_path / "a", "robust", better, measured(-0.45, seed=1)),
        write_run(tmp_path / "b", "fasp", worse, measured(-0.40, seed=2)),
    ]


def test_the_table_is_the_reports(two):
    found = compare(two)
    document = json.loads(to_json(found))
    for folder, entry in zip(two, document["methods"], strict=True):
        made = report.read(folder / "report.json")
        assert entry["method"] == made.method and entry["cost"] == made.cost
        assert sum(entry["units"].values()) == len(made.pruning)
        for figure in entry["figures"]:
            same = made.figure(figure["name"], figure["split"], figure["axis"])
            assert figure == json.loads(json.dumps(dataclasses.asdict(same)))
        assert {(f["name"], f["split"], f["axis"]) for f in entry["figures"]} >= {
            ("judgement", "held_out", "all"), ("judgement", "external", "all"), ("judgement", "held_out", "gender"),
            ("meaning", "held_out", "all"), ("merit", "held_out", "all"), ("divergence", "held_out", "all"),
            ("specificity", "held_out", "all"), ("perplexity", "held_out", "all"),
        }  # fmt: skip
        for name in ("judgement", "perplexity"):
            change = shift(made.figure(name, "held_out").change)
            assert safe(change) in markdown(found) and change in text(found)
    assert document["reference"] == "robust"
    assert pareto(found) is not None


def test_runs_known_from_reports_alone_are_not_paired(two):
    for folder in two:
        (folder / NAME).unlink()
    found = compare(two)
    assert found.differences and not any(d.paired for d in found.differences)
    held_out = next(d for d in found.differences if (d.figure, d.split) == ("divergence", "held_out"))
    shares = [report.read(f / "report.json").figure("divergence", "held_out").change.share for f in two]
    assert held_out.value == pytest.approx(shares[1].value - shares[0].value)
    assert held_out.low < held_out.value < held_out.high
    assert "not paired" in markdown(found)


def test_pairs_cancel_what_both_runs_share(two):
    paired = next(d for d in compare(two).differences if (d.figure, d.split) == ("divergence", "held_out"))
    assert paired.paired and paired.name == "fasp + refit" and paired.reference == "robust"
    one, other = (read_items(folder)["held_out"] for folder in two)
    expected = (other.after.mean() - one.after.mean()) / one.before.mean()
    assert paired.value == pytest.approx(expected)
    assert 0 < paired.low and paired.outcome == "more reaction"  # five points, seen although templates vary by twenty
    # Positive control: the same items in another order are other items to the pairing, and the interval is wide.
    (two[1] / NAME).unlink()
    alone = next(d for d in compare(two).differences if (d.figure, d.split) == ("divergence", "held_out"))
    assert not alone.paired and alone.high - alone.low > 2 * (paired.high - paired.low)
    cost = next(d for d in compare(two).differences if d.figure == "perplexity")
    assert cost.low <= cost.value <= cost.high


def test_equal_runs_differ_by_nothing(tmp_path):
    folders = [write_run(tmp_path / name, "robust", items=measured(-0.4, seed=1)) for name in ("a", "b")]
    found = compare(folders)
    assert [e.name for e in found.entries] == ["robust (a)", "robust (b)"]
    assert {(d.value, d.low, d.high, d.outcome) for d in found.differences if d.paired} == {(0, 0, 0, "not shown")}


def test_pairs_need_the_same_probes(two):
    items = measured(-0.4, seed=2)
    items["held_out"] = items["held_out"] * 1.5  # measured on something else
    np.savez(two[1] / NAME, **items)
    held_out = next(d for d in compare(two).differences if (d.figure, d.split) == ("divergence", "held_out"))
    assert not held_out.paired
    (two[1] / NAME).write_bytes(b"broken")
    with pytest.raises(UserError, match="broken"):
        compare(two)


def test_what_cannot_be_compared(two, tmp_path):
    with pytest.raises(UserError, match="2 runs"):
        compare(two[:1])
    with pytest.raises(UserError, match="cannot be read"):
        compare([two[0], tmp_path / "nowhere"])
    other = write_run(tmp_path / "c", "fasp", base_model={"id": "org/other", "revision": "1", "sha256": "9999"})
    with pytest.raises(UserError, match="one base model"):
        compare([two[0], other])


def test_runs_of_other_settings_are_not_gone_on_with(tmp_path):
    write_run(tmp_path / "fasp", "fasp", settings=None)
    with pytest.raises(UserError, match="its settings"):
        run_methods(lambda: pytest.fail("loaded"), Request("robust"), ["fasp"], tmp_path)


@pytest.fixture(scope="module")
def neutral(tmp_path_factory):
    return planted.write_text(tmp_path_factory.mktemp("text") / "neutral.txt", without_terms=True)


@pytest.mark.wide
def test_methods_run_at_equal_k_and_go_on_after_a_kill(brief, neutral, tmp_path, monkeypatch):
    asked = Request("robust", text=neutral, plan=dataclasses.replace(PLAN, most=16), sizes=SIZES)
    names, out = ["random", "fasp", "magnitude"], tmp_path / "compare"

    def load():
        return planted.loaded(planted.planted_model())

    real, begun = running.repair, []

    def dying(loaded, request, folder, **how):
        begun.append(request.method)
        if request.method == "magnitude" and len(begun) == 3:
            raise KeyboardInterrupt
        return real(loaded, request, folder, **how)

    monkeypatch.setattr(running, "repair", dying)
    with pytest.raises(KeyboardInterrupt):
        run_methods(load, asked, names, out)
    folders = run_methods(load, asked, names, out)
    assert begun == ["fasp", "random", "magnitude", "magnitude"]  # what was finished is not run again
    assert [folder.name for folder in folders] == names
    found = compare(folders)
    counts = {e.name: len(e.report.pruning) for e in found.entries}
    assert counts["fasp"] >= 1 and len(set(counts.values())) == 1
    assert all(d.paired for d in found.differences) and found.reference == "random"
    held_out = {d.name: d for d in found.differences if (d.figure, d.split) == ("divergence", "held_out")}
    assert held_out["fasp"].outcome == "less reaction"  # the planted head against heads at random
    with pytest.raises(UserError, match="its settings"):
        run_methods(load, dataclasses.replace(asked, axes=("gender",)), names, out)


def test_command(two, tmp_path, monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["fairhub", "compare", *map(str, words)])
        try:
            main()
        except SystemExit as stop:
            return stop.code, capsys.readouterr()
        return 0, capsys.readouterr()

    given = [word for folder in two for word in ("--runs", folder)]
    code, said = run(*given, "--out", tmp_path / "out", "--json")
    assert code == 0 and json.loads(said.out) == json.loads((tmp_path / "out" / "compare.json").read_text())
    code, said = run(*given, "--out", tmp_path / "out")
    assert code == 0 and "fasp" in said.out and "difference of changes" in said.out
    assert (tmp_path / "out" / "compare.png").stat().st_size > 10_000
    assert "## Against robust" in (tmp_path / "out" / "compare.md").read_text()
    for words, reason in (
        (("--methods", "robust"), "2 methods"),
        (("--methods", "robust,magic"), "magic"),
        (("--methods", "fasp,fasp"), "once"),
        (("--methods", "robust,fasp", "--budget", "3"), "budget"),
    ):
        code, said = run(*words, "--out", tmp_path / "none")
        assert code == 2 and reason in said.err and said.out == ""
    assert not (tmp_path / "none").exists()


def test_no_word_of_a_difference_rests_on_four_clusters():
    one, other = (fake_report.figure(effect, name="perplexity", seed=5) for effect in (-0.5, -0.1))
    for clusters, said in ((5, "better"), (4, "not shown")):
        figures = tuple(dataclasses.replace(figure, clusters=clusters) for figure in (one, other))
        assert difference("a", "b", figures, (None, None)).outcome == said
