"""A search of some groups and dimensions alone: what it looks at, what it refuses, and what its report says of it."""

from dataclasses import replace
from pathlib import Path

import pytest
from planted import PLAN, SIZES, loaded, planted_model, tokenizer, write_text

from fairhub.errors import UserError
from fairhub.inputs.gathering import gather, refuse_asked
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.inputs.judgement.scope import EVERYTHING, Scope, scope_of
from fairhub.methods.erasure import items_of
from fairhub.pipeline import repair
from fairhub.report import Report
from fairhub.report.record import searched
from fairhub.request import Request, request_of, settings_of

ASKED = Scope(("Muslim", "Christian"), ("criminal",))


def test_groups_narrow_search_and_select_and_leave_the_proof_as_it_is(tmp_path: Path) -> None:
    text = write_text(tmp_path / "text.txt")
    wide = gather((), (), None, text, tokenizer(), SIZES)
    narrow = gather((), (), None, text, tokenizer(), SIZES, scope=ASKED)
    for ground in (narrow.fit, narrow.choose):
        assert ground.dimensions == ("criminal",) and len(ground.cells) > 3
        assert {cell.groups for cell in ground.cells} == {("Christian", "Muslim")}
    assert [cells for cells in narrow.judged if cells[0].split == "held_out"] == [
        cells for cells in wide.judged if cells[0].split == "held_out"
    ]
    assert wide.fit.dimensions == () and len({cell.axis for cell in wide.fit.cells}) == 8


def test_dimensions_narrow_what_groups_are_judged_by_and_not_what_merit_is_weighed_by(tmp_path: Path) -> None:
    data = gather((), (), None, write_text(tmp_path / "text.txt"), tokenizer(), SIZES)
    words = lexicon(tokenizer(), "search")
    items = items_of(tokenizer(), data.fit.cells, data.fit.traits, (), words, None, ("criminal",))
    wanted = words.only(("criminal",))
    assert {word.dimension for word in wanted.words} == {"criminal"} and len(wanted.words) < len(words.words)
    read = {kind: {item.tokens for item in items if item.kind == kind} for kind in ("judged", "merit")}
    assert read == {"judged": {wanted.ids}, "merit": {words.ids}}


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (Scope(("Muslim",)), "'Muslim' stands alone in search; name two of .*Christian"),
        (Scope(("Muslim", "woman")), "'Muslim' stands alone in search"),
        (Scope(("Muslim", "Klingon")), "got 'Klingon'; known: American"),
        (Scope((), ("evil",)), "a dimension must be one of bad, .*; got 'evil'"),
    ],
)
def test_what_nobody_compares_is_refused_by_name(scope: Scope, said: str) -> None:
    with pytest.raises(UserError, match=said):
        refuse_asked((), (), None, scope)
    refuse_asked((), (), None, ASKED)


def test_settings_hold_what_was_asked_and_older_ones_ask_for_everything() -> None:
    request = Request(scope=ASKED)
    assert request_of(settings_of(request)).scope == ASKED
    old = {name: value for name, value in settings_of(request).items() if name != "scope"}
    assert request_of(old).scope == scope_of({}) == EVERYTHING
    for broken in ([1], "x", {"groups": 5, "dimensions": []}, {"groups": []}):
        with pytest.raises(UserError, match="settings must have the dials of this fairhub"):
            request_of(settings_of(request) | {"scope": broken})


@pytest.fixture(scope="module")
def narrowed(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A repair for men and women alone, judged by two dimensions."""
    there = tmp_path_factory.mktemp("narrowed")
    request = Request(
        text=write_text(there / "text.txt"), sizes=SIZES, scope=Scope(("man", "woman"), ("bad", "cold")),
        plan=replace(PLAN, keep="0.9", erasures=(1.0, 10.0)),
    )  # fmt: skip
    return repair(loaded(planted_model()), request, there / "run")


@pytest.mark.wide
def test_the_report_names_what_was_searched_and_what_became_of_it_unseen(narrowed: Report) -> None:
    places = [(f.name, f.axis, f.groups) for f in searched(narrowed.figures)]
    assert places == [(f"judgement.{d}", "gender", ("man", "woman")) for d in ("bad", "cold")]
    assert narrowed.verdict.startswith("Repaired: on what was searched: man and woman, bad -")
    assert "man and woman, cold -" in narrowed.verdict
    assert narrowed.settings is not None and narrowed.settings["scope"]["groups"] == ["man", "woman"]


@pytest.mark.wide
def test_what_was_searched_falls_on_words_and_prompts_that_no_search_saw(narrowed: Report) -> None:
    figures = searched(narrowed.figures)
    assert figures
    for figure in figures:
        assert figure.change is not None and figure.change.high < 0
