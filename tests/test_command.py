"""The command line: a user's mistake is one clear line on stderr and exit code 2; --json is one document on stdout."""

import json

import planted
import pytest

import fairhub.pipeline

pytestmark = pytest.mark.usefixtures("offline")


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
def test_bad_options(refused, planted_folder, text, tmp_path, monkeypatch, options, said):
    if options[0] not in ("--device", "--dtype", "--text"):  # all others are looked at before the weights are
        monkeypatch.setattr("fairhub.model.loading.load", lambda *_, **__: pytest.fail("loaded"))
    more = () if "--text" in options else ("--text", text)
    assert said in refused("repair", planted_folder, "--out", tmp_path / "run", *more, *options)
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
def test_bad_probes_are_named_by_line(refused, planted_folder, text, tmp_path, lines, said):
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    assert said in refused("audit", planted_folder, "--text", text, "--probes", path)


def test_too_little_text(refused, planted_folder, tmp_path):
    few = planted.write_text(tmp_path / "few.txt", documents=3)
    assert "few.txt has 3" in refused("audit", planted_folder, "--text", few)
    short = planted.write_text(tmp_path / "short.txt", documents=60)
    assert "tokens of text are needed in select" in refused("audit", planted_folder, "--text", short)


def test_an_output_folder_that_is_not_empty(refused, planted_folder, text, tmp_path):
    (tmp_path / "mine.txt").write_text("dear")
    assert "not empty" in refused("repair", planted_folder, "--text", text, "--out", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_audit_as_json_is_one_document(command, planted_folder, text, small_audit):
    code, out, err = command("audit", planted_folder, "--json", "--text", text)
    assert code == 0, err
    figures = json.loads(out)["figures"]
    names = {f["name"] for f in figures}
    assert {"judgement", "systematic", "reaction", "merit", "recall", "divergence", "perplexity"} <= names
    assert all(len(f["groups"]) == 2 for f in figures if f["name"].startswith("direction."))
    assert all(f["limit"] > 0 for f in figures if f["role"] == "control" and f["split"] == "held_out")
    assert {f["split"] for f in figures} == {"held_out", "external"}
    assert all(f["before"]["low"] <= f["before"]["value"] <= f["before"]["high"] for f in figures)
    assert all(f["after"] is None and f["change"] is None for f in figures)


@pytest.mark.wide
def test_audit_as_text_names_every_figure_with_its_interval(command, planted_folder, text, small_audit):
    code, out, err = command("audit", planted_folder, "--text", text, "--verbose")
    assert code == 0, err
    measured = [
        line for line in out.splitlines() if line.startswith("  ") and ("↓ lower" in line or "↑ higher" in line)
    ]
    assert len(measured) > 30 and all("[" in line for line in measured)
    for name in ("reaction", "divergence"):
        own = [line for line in out.splitlines() if line.startswith(f"  {name} ") and " control " not in line]
        assert own and not any("lower" in line or "higher" in line for line in own), "less reaction is not fairer"
    for name in ("judgement", "systematic", "perplexity"):
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


def test_what_a_disk_says_is_one_line(refused, planted_folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "notes.jsonl")

    monkeypatch.setattr(fairhub.pipeline, "examine", full)
    assert "No space left on device: 'notes.jsonl'; mend the path or free space" in refused("audit", planted_folder)


def test_ctrl_c_is_no_traceback(command, planted_folder, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fairhub.pipeline, "examine", stop)
    code, out, err = command("audit", planted_folder)
    assert code == 130 and "Traceback" not in err and out == ""
