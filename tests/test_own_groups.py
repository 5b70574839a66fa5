"""A user's own groups: parsed and refused where they stand, crossed with shipped templates, measured as an axis."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from carding import rows as rows_of_card
from carding import tokens
from planted import PLAN, SIZES, fair_model, loaded, planted_model, save, telling, tokenizer, write_text

from fairhub import card
from fairhub.card.base import public
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs import groups
from fairhub.inputs.gathering import gather, refuse_asked
from fairhub.inputs.groups import OWN, Term, checked, in_line, read_terms
from fairhub.inputs.groups.filling import term_sets
from fairhub.inputs.judgement import cells as cells_
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.inputs.judgement.scope import Scope
from fairhub.inputs.probes import Split
from fairhub.inputs.probes.shipped import rows
from fairhub.measure.judgement.figures import figures as judgement_figures
from fairhub.measure.judgement.reading import read as judgement_reading
from fairhub.pipeline import audit, repair
from fairhub.proof.prover import Prover
from fairhub.proof.recipe import read_recipe
from fairhub.publish.reproduce import Mine, agrees, reproduce
from fairhub.report import Figure, Report, find, markdown, read
from fairhub.report.record import searched
from fairhub.report.verdict import beyond_chance, directions
from fairhub.request import Request, data_of, request_of, settings_of
from fairhub.space.overview import overview

LINE = "teachers: a teacher, teachers (plural); plumbers: plumber, plumbers (plural); nurses: nurse, nurses (plural)"
WORKERS = in_line(LINE)
SPLITS: tuple[Split, ...] = ("search", "select", "held_out")


def write(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_a_line_and_files_say_the_same(tmp_path: Path) -> None:
    said = [{"group": t.group, "term": t.term, "form": t.form} for t in WORKERS]
    table = ["group,term,form", *(f"{t.group},{t.term},{t.form}" for t in WORKERS)]
    assert read_terms(write(tmp_path / "t.jsonl", *said)) == WORKERS
    assert read_terms(write(tmp_path / "t.json", json.dumps(said))) == WORKERS
    assert read_terms(write(tmp_path / "t.csv", *table)) == groups.in_text("\n".join(table), "t.csv") == WORKERS
    page = (Path(__file__).parent.parent / "docs" / "probes.md").read_text()
    (shown,) = re.findall(r"```text\n(group,term,form\n.*?)```", page, re.S)
    assert {term.form for term in groups.in_text(shown, "my_terms.csv")} == {"noun", "people"}


def test_a_term_is_a_noun_where_no_form_is_said_and_loses_its_article(tmp_path: Path) -> None:
    found = read_terms(write(tmp_path / "t.csv", "group,term", "a,an  eager nurse", "b,A surgeon"))
    assert found == (Term("a", "eager nurse", "noun"), Term("b", "surgeon", "noun"))
    texts = [text for cell in groups.cells(found, "held_out", 1 << 30) for _, text in cell.texts]
    assert any("an eager nurse" in text for text in texts) and not any("an surgeon" in text for text in texts)
    assert in_line("a: rich (adjective); b: poor (adj)")[0].form == "adj"


GOOD = {"group": "nurses", "term": "nurse"}
BROKEN = {
    "no JSON": ("{", "t.jsonl line 3 must be JSON"),
    "no object": ([1], "t.jsonl line 3 must be a JSON object"),
    "no group": ({"term": "x"}, 't.jsonl line 3 must have text in "group"'),
    "empty term": ({"group": "x", "term": " "}, 't.jsonl line 3 must have text in "term"'),
    "no text": ({"group": "x", "term": 3}, 't.jsonl line 3 must have text in "term"'),
    "form": ({"group": "x", "term": "y", "form": "verb"}, "t.jsonl line 3 must have a form of noun, adj"),
    "control": ({"group": "x", "term": "\x1b[2J"}, 't.jsonl line 3 must be printable in "term"'),
    "turned": ({"group": "x\u202e", "term": "y"}, 't.jsonl line 3 must be printable in "group"'),
    "long": ({"group": "x", "term": "y" * 61}, 't.jsonl line 3 must have at most 60 letters in "term"; got 61'),
    "path": ({"group": "x", "term": "/b/ reader"}, 't.jsonl line 3 must not begin as a path does in "term"'),
    "letters": ({"group": "x", "term": "***"}, "t.jsonl line 3 must have a term of letters"),
    "two groups": ({"group": "x", "term": "Nurse"}, "t.jsonl line 3 must have a term of its own; 'Nurse' names"),
    "twice": (GOOD, "t.jsonl line 3 must have a term of its own; 'nurse' stands at t.jsonl line 1 already"),
    "alone": ({"group": "x", "term": "Ann", "form": "name"}, "terms of one form are compared between groups; only"),
}


@pytest.mark.parametrize("line, rule", BROKEN.values(), ids=BROKEN)
def test_a_broken_line_is_named_with_its_number(tmp_path: Path, line: object, rule: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(rule)}.*; [^;]+$"):
        read_terms(write(tmp_path / "t.jsonl", GOOD, "", line))


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("", "two or more; got 'none'"),
        ("nurses", "own group 1 must be 'group: term, term'; got 'nurses'"),
        ("nurses: nurse", "two or more; got 'nurses'"),
        ("nurses: nurse; surgeons:", 'own group 2 must have text in "term"'),
        ("nurses: nurse; surgeons: nurse", "own group 2 .* 'nurse' names 'nurses' too"),
        (";".join(f"g{n}: t{n}" for n in range(13)), "at most 12 of 48 terms"),
        ("a: " + ", ".join(f"t{n}" for n in range(49)) + "; b: c", "at most 12 of 48 terms"),
    ],
)
def test_a_line_that_names_no_groups_is_refused(line: str, rule: str) -> None:
    with pytest.raises(UserError, match=rule):
        in_line(line)


def test_every_split_has_cells_and_pairs_of_all_groups_and_no_template_of_another() -> None:
    seen: set[str] = set()
    for split in SPLITS:
        found = groups.cells(WORKERS, split, 72)
        assert {cell.groups for cell in found} == {("nurses", "plumbers", "teachers")}
        assert {(cell.axis, cell.split) for cell in found} == {(OWN, split)} and len(cells_.pairs(found)) == 3
        templates = {c.template for c in found} | {p.template for p in groups.probes(WORKERS) if p.split == split}
        assert len(templates) > 20 and not templates & seen
        seen |= templates


def test_terms_are_held_out_where_every_group_has_three() -> None:
    many = in_line("a: a1, a2, a3, a4; b: b1, b2, b3")
    said = [{t for s in term_sets(many, split) for t in s["terms"].values()} for split in SPLITS]
    assert said == [{"a1", "a4", "b1"}, {"a3", "b3"}, {"a2", "b2"}]
    assert groups.described(many).endswith("terms too") and groups.described(WORKERS).endswith("terms not")
    few = [{t for s in term_sets(WORKERS, split) for t in s["terms"].values()} for split in SPLITS]
    assert said[0] != said[2] and few[0] == few[1] == few[2]


def test_groups_that_are_shipped_terms_make_the_shipped_texts() -> None:
    found = 0
    for row in (row for row in rows("terms.jsonl") if row["axis"] == "religion" and row["form"] == "noun"):
        mine = in_line("; ".join(f"{group}: {term}" for group, term in row["terms"].items()))
        for split in SPLITS:
            own = {cell.template: cell.texts for cell in groups.cells(mine, split, 1 << 30)}
            shipped = [c for c in cells_.shipped(split, 1 << 30, ["religion"]) if c.term_set == row["id"]]
            assert {cell.template: cell.texts for cell in shipped}.items() <= own.items()
            found += len(shipped)
    assert found > 100


def test_the_order_of_groups_changes_nothing(tmp_path: Path) -> None:
    turned = "; ".join(reversed(LINE.split("; ")))
    assert in_line(turned) == WORKERS


@pytest.mark.wide
def test_own_groups_leave_the_shipped_cells_as_they_are_and_reach_the_fit(tmp_path: Path) -> None:
    text = write_text(tmp_path / "text.txt")
    plain = gather((), (), None, text, tokenizer(), SIZES)
    data = gather((), (), None, text, tokenizer(), SIZES, terms=WORKERS)
    for mine, theirs in zip(data.judged, plain.judged, strict=True):
        assert [cell for cell in mine if cell.axis != OWN] == list(theirs)
        assert ({cell.axis for cell in mine} >= {OWN}) == (mine[0].split != "external")
    assert {c.split for c in data.fit.cells if c.axis == OWN} == {"search"} and len(data.fit.cells) > len(
        plain.fit.cells
    )
    assert {c.split for c in data.choose.cells if c.axis == OWN} == {"select"}
    assert OWN in {p.axis for p in data.search} and OWN in {p.axis for p in data.proof[0]}
    assert ("own groups", groups.described(WORKERS)) in {(e["name"], e["revision"]) for e in data.provenance}


def test_names_of_own_groups_are_asked_who_did_what(tmp_path: Path) -> None:
    named = in_line("here: Jamal (name), Wei (name); there: Connor (name), Emily (name)")
    data = gather((), (), None, write_text(tmp_path / "t.txt"), tokenizer(), SIZES, terms=named)
    for choices in (data.choices, data.fit.choices, data.choose.choices):
        assert {c.family for c in choices if c.axis == OWN} == {"recall"}


def test_own_groups_may_be_named_by_scope_and_axis() -> None:
    refuse_asked((OWN,), (), None, Scope(("nurses", "teachers")), WORKERS)
    with pytest.raises(UserError, match="an axis must be one of"):
        refuse_asked((OWN,), (), None)
    with pytest.raises(UserError, match="'nurses' stands alone"):
        refuse_asked((), (), None, Scope(("nurses",)), WORKERS)


def test_settings_hold_the_terms_and_older_ones_have_none() -> None:
    request = Request(own=WORKERS)
    assert request_of(json.loads(json.dumps(settings_of(request)))).own == WORKERS
    assert settings_of(request) != settings_of(replace(request, own=WORKERS[1:])), "a run is not resumed with others"
    old = {name: value for name, value in settings_of(request).items() if name != "own"}
    assert request_of(old).own == ()
    for broken in ("x", [1], [{"group": "a"}], [{"group": "a", "term": "b", "form": "noun"}]):
        with pytest.raises(UserError):
            request_of(settings_of(request) | {"own": broken})


TOLD = [["nurse", "nurses"], ["plumber", "plumbers"], ["teacher", "teachers"]]
"""What the planted head says of each group."""


def audited(model: object, tmp_path: Path, own: tuple[Term, ...] = WORKERS) -> list[Figure]:
    request = Request("audit", (OWN,), text=write_text(tmp_path / "text.txt"), sizes=replace(SIZES, judged=96), own=own)
    return audit(loaded(model), request)  # type: ignore[arg-type]


def test_planted_bias_between_own_groups_is_found_and_a_model_without_it_has_none(tmp_path: Path) -> None:
    biased, fair = (audited(model, tmp_path) for model in (telling(TOLD), fair_model()))
    gaps = [find(figures, "judgement", "held_out", OWN) for figures in (biased, fair)]
    assert gaps[0] is not None and gaps[1] is not None
    assert gaps[0].before.low > 0 and gaps[0].before.value > 20 * abs(gaps[1].before.value)
    assert beyond_chance(directions(biased)) and not beyond_chance(directions(fair))


def test_a_context_with_two_templates_has_no_figure_as_its_interval_would_have_no_width(tmp_path: Path) -> None:
    found = [f for f in audited(telling(TOLD), tmp_path) if f.name == "systematic" and f.context != "all"]
    assert found and all(f.clusters > 2 and f.before.low < f.before.high for f in found)


def test_own_cells_are_measured_as_shipped_cells_of_the_same_texts(tmp_path: Path) -> None:
    model = loaded(telling(TOLD))
    data = data_of(Request("audit", (OWN,), text=write_text(tmp_path / "t.txt"), sizes=SIZES, own=WORKERS), tokenizer())
    own = [cell for cells in data.judged for cell in cells if (cell.axis, cell.split) == (OWN, "held_out")]
    renamed = [replace(cell, axis="religion", source="templates") for cell in own]
    one, other = (Prover(model, data).judgements(cells, [Repair()])[0] for cells in (own, renamed))
    assert (one.words == other.words).all() and len(one.kernels) == len(other.kernels) == 3


HOSTILE = "<img src=x onerror=alert(1)>|**x** $\\frac{"
"""A group's name that HTML, Markdown, a table, JSON or a picture's formulas would take for their own."""


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    """A repair for three groups, one of a hostile name, of a model that tells of their words."""
    there = tmp_path_factory.mktemp("own")
    said = {
        HOSTILE: ("Muslim", "Muslims", "female"), "birds": ("Christian", "Christians", "male"),
        "crows": ("Buddhist", "Buddhists", "elderly"),
    }  # fmt: skip
    forms = ("noun", "plural", "adjective")
    rows = [
        {"group": group, "term": term, "form": form}
        for group, terms in said.items()
        for form, term in zip(forms, terms, strict=True)
    ]
    request = Request(
        text=write_text(there / "text.txt"), sizes=replace(SIZES, judged=96, chosen=200, fitted=96), axes=(OWN,),
        own=read_terms(write(there / "terms.jsonl", *rows)), plan=replace(PLAN, keep="0.9", erasures=(1.0, 10.0)),
    )  # fmt: skip
    return repair(loaded(planted_model()), request, there / "run"), there / "run"


@pytest.mark.wide
def test_a_repair_for_own_groups_says_what_became_of_them_unseen(repaired: tuple[Report, Path]) -> None:
    report, folder = repaired
    assert {(f.name, f.axis) for f in searched(report.figures)} == {("judgement", OWN)}
    gap = find(report.figures, "judgement", "held_out", OWN)
    assert gap is not None and gap.change is not None and gap.change.high < 0
    assert "on what was searched: own -" in report.verdict
    assert {figure.groups[0] for figure in directions(report.figures) if figure.axis == OWN and figure.groups} == {
        HOSTILE, "birds", "crows",
    }  # fmt: skip
    assert find(report.figures, "judgement", "external", OWN) is None
    recipe = read_recipe(folder / "recipe.json")
    assert request_of(recipe.settings).own == request_of(report.settings or {}).own
    assert HOSTILE in {term.group for term in request_of(public(recipe.settings)).own}, "also where it is published"


@pytest.mark.wide
def test_a_hostile_name_acts_nowhere(repaired: tuple[Report, Path]) -> None:
    report, folder = repaired
    again = read(folder / "report.json")
    assert again.figures == report.figures
    shown = [card.render(again), markdown(again), overview(again, folder)]
    assert all("onerror=alert(1)" in text for text in shown), "shown, and shown as text"
    assert not [text for text in shown if "<img src=x" in text] and "**x**" not in "".join(shown[:2])
    acting = [t for t in tokens(shown[0]) if t.type in ("html_inline", "html_block") and "alert" in t.content]
    assert not acting and {len(row) for row in rows_of_card(shown[0]) if HOSTILE in "".join(row)} == {8}
    assert (folder / "figures" / "who_is_judged_worse.png").is_file()


@pytest.mark.wide
def test_a_repair_for_own_groups_is_made_again_without_the_file(
    repaired: tuple[Report, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))
    (repaired[1].parent / "terms.jsonl").unlink()
    base = save(planted_model(), tmp_path / "base")
    assert agrees(
        reproduce(str(repaired[1]), quick=True, mine=Mine(base=str(base), text=write_text(tmp_path / "t.txt")))
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("audit", "--own", "nurses"), "own group 1 must be 'group: term, term'"),
        (("audit", "--own", "a: b; c: \x1b[2J"), "own group 2 must be printable"),
        (("repair", "--own", "a: b; c: b"), "names 'a' too"),
        (("plan", "--terms", "none.csv"), "a file of terms must be readable; none.csv is not"),
        (("compare", "--terms", "none.txt"), "a file of terms ends in .jsonl, .json or .csv"),
        (("audit", "--own", "a: b; c: d", "--terms", "t.csv"), "got both; leave one out"),
        (("repair", "--own", "a: b; c: d", "--axis", "mine"), "an axis must be one of"),
    ],
)
def test_a_mistake_in_options_is_one_line(command, words: tuple[str, ...], said: str) -> None:
    code, _, err = command(*words)
    lines = [line for line in err.splitlines() if not line.startswith("note: ")]
    assert code == 2 and len(lines) == 1 and said in lines[0] and "\x1b" not in err


def test_names_of_groups_change_no_figure(tmp_path: Path) -> None:
    model = loaded(telling(TOLD))
    turned = {"nurses": "z", "plumbers": "m", "teachers": "b"}
    renamed = checked([{"group": turned[t.group], "term": t.term, "form": t.form} for t in WORKERS], "renamed")
    found = []
    for own in (WORKERS, renamed):
        words = lexicon(tokenizer(), "held_out")
        said = judgement_reading(model, groups.cells(own, "held_out", 72), words, [Repair()])
        found.append({f.name: f.before.value for f in judgement_figures(said[0], None, "held_out", details=False)})
    assert found[0] == pytest.approx(found[1], rel=1e-4) and found[0]["reaction"] > 0
