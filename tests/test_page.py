"""The findings of an audit: what a terminal and the page show is what the figures say, and any text is only text."""

import html
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import fake_report
import numpy as np
import pytest

import fairhub.pipeline
from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.lexicon import Lexicon, Word
from fairhub.measure.judgement.examples import examples
from fairhub.measure.judgement.reading import Reading
from fairhub.report import Audit
from fairhub.report.evidence import Brought, Evidence, Example
from fairhub.report.verdict import beyond_chance, directions, named
from fairhub.report.wording import number, ratio
from fairhub.stats.statistics import Interval

HOSTILE = "<img src=x onerror=alert(1)>|**x**\"'\x1b[31m\u202e</style><script>"
PAIR = Example(
    "age", "bad", "held_out", ("old", "young"), ("The old clerk was", "The young clerk was"), (2.0, 1.0), "awful",
    (0.02, 0.005),
)  # fmt: skip
WORDS = (
    Brought("religion", ("Christian", "Muslim"), " church", 0.02, 0.95, 20),
    Brought("religion", ("Christian", "Muslim"), " mosque", -0.03, 1.0, 20),
    Brought("religion", ("Christian", "Muslim"), " seldom", 0.04, 0.6, 20),
)
VOID = {"meta", "rect"}


def chance_gap(group="young"):
    """A gap that may well be none."""
    gap = fake_report.gap(0, "age", group, "cold", after=False)
    return replace(gap, before=replace(gap.before, low=-1.0))


def audit(model="org/name", **how):
    figures = (*fake_report.audit().figures, chance_gap())
    return Audit(model, "local", figures, **({"evidence": Evidence((PAIR,), WORDS)} | how))


class Page(HTMLParser):
    """Reads a page: its tags, whether they close in turn, and the cells of its tables of groups."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.cells, self.heads, self.text = [], [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID or tag == "rect":
            self.open.append(tag)
        if tag == "td":
            self.cells.append((dict(attrs).get("class") or "", ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if "td" in self.open:
            look, said = self.cells[-1]
            self.cells[-1] = look, said + data


def test_findings_are_what_is_beyond_chance():
    found = audit().findings()
    told = [gap for one in found.judged for gap in one.gaps]
    sure = beyond_chance(directions(audit().figures))
    assert {gap.label for gap in told} == {gap.label for gap in sure} and len(told) == 8
    assert found.looked == 9 and "young" not in " ".join(one.said for one in found.judged)
    for one in found.judged:
        assert one.said.startswith(f"{named(one.gaps[0])} (odds {ratio(one.gaps[0].before.value)})")
        assert [abs(gap.before.value) for gap in one.gaps] == sorted(
            (abs(g.before.value) for g in one.gaps), reverse=True
        )
    shared, whole = (audit().figure(name).before.value for name in ("systematic", "reaction"))
    assert found.reaction == pytest.approx(1 - shared / whole)
    assert found.brought == (("Muslim", ("mosque",)), ("Christian", ("church",)))


def test_nothing_beyond_chance_is_no_finding_and_no_colour():
    model = Audit("org/name", "local", tuple(chance_gap(group) for group in ("young", "old")))
    assert model.findings().judged == () and "In none of 2 comparisons" in model.brief()
    page = Page(model.html())
    grid = [cell for cell in page.cells if "·" in cell[1]]
    assert (
        len(grid) == 2 and {look for look, _ in grid} == {""} and not {"worse", "better"} & {c for c, _ in page.cells}
    )


def test_none_beyond_chance_is_no_all_clear_and_says_from_where_on_one_would_show():
    """What is said to show is what Holm asks of the first: the fewer sentences, the larger."""
    for width in (0.1, 0.4):
        two = chance_gap("young"), chance_gap("old")
        gaps = [replace(gap, before=Interval(0.05, 0.05 - width, 0.05 + width)) for gap in two]
        model = Audit("org/name", "local", tuple(gaps))
        least = model.findings().seen_from["held_out"]
        said = model.findings().sight
        assert html.escape(said) in model.html() and said.split()[-1] in model.brief()
        assert "This is no all-clear" in said and f"must be above {ratio(least)} on fairhub's own" in said
        assert width < least < 2 * width  # wider than the interval, as there were two looks
        for size, sure in ((least * 1.01, 1), (least * 0.99, 0)):
            grown = replace(gaps[0], before=Interval(size, size - width, size + width))
            assert len(beyond_chance([grown, gaps[1]])) == sure
    few = [replace(gap, clusters=2) for gap in gaps]
    assert "too few sentences were read" in Audit("org/name", "local", tuple(few)).findings().sight


def test_colour_is_where_a_gap_is_beyond_chance_and_a_mark_beside_it():
    found = audit()
    gaps = directions(found.figures)
    shown = [(look, said) for look, said in Page(found.html()).cells if look or "·" in said or "not measured" in said]
    coloured = [(look, said) for look, said in shown if look]
    assert len(coloured) == len(beyond_chance(gaps)) == 8
    for gap in beyond_chance(gaps):
        side, mark = ("worse", "▲") if gap.before.value > 0 else ("better", "▼")
        said = f"{mark} {math.exp(abs(gap.before.value)):.2f}"
        assert any(
            look.startswith(side) and text.startswith(said) and gap.metric.part in text for look, text in coloured
        )


def test_terminal_page_and_figures_have_the_same_numbers():
    found = audit()
    page = " ".join(Page(found.html()).text.split())
    said = " ".join(found.brief().split())
    for one in found.findings().judged:
        assert one.said in page
    for one in found.findings().known:
        assert one.short in said and one.short in page
    assert found.findings().reacts in said and found.findings().reacts in page and found.verdict in page
    for figure in found.figures:
        assert number(figure.before.value) in page and f"[{number(figure.before.low)}, " in page, figure.label


def test_a_terminal_has_some_fifteen_lines():
    lines = audit().brief().splitlines()
    assert len(lines) <= 15 and max(map(len, lines)) <= 107
    assert "2.00 times" in " ".join(lines) and "“awful” comes next with 2 % against 0.5 %" in " ".join(
        " ".join(lines).split()
    )


def test_the_page_is_whole_in_itself_and_the_same_each_time():
    found = audit()
    page = Page(found.html())
    assert found.html() == audit().html()
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "base", "a", "form", "use"}
    names = {name for _, attrs in page.tags for name in attrs}
    assert not names & {"src", "href", "srcset", "action", "style"} and not any(name.startswith("on") for name in names)
    style = re.search("<style>(.*?)</style>", found.html(), re.DOTALL)[1]
    assert "url(" not in style and "@import" not in style and "http" not in style
    assert "default-src 'none'" in found.html()


def test_the_page_has_heads_for_those_who_hear_it():
    page = Page(audit().html())
    heads = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert heads[0] == 1 and heads.count(1) == 1 and all(b - a <= 1 for a, b in zip(heads, heads[1:], strict=False))
    assert all(attrs.get("scope") for tag, attrs in page.tags if tag == "th")
    assert all(attrs.get("tabindex") == "0" for _, attrs in page.tags if attrs.get("class") == "scroll")
    assert ("html", {"lang": "en"}) in page.tags and any(tag == "caption" for tag, _ in page.tags)


def test_any_text_is_only_text():
    gap = fake_report.gap(0, HOSTILE, HOSTILE, "cold", after=False)
    evidence = Evidence(
        (replace(PAIR, axis=HOSTILE, groups=(HOSTILE, "b"), texts=(f"The {HOSTILE} was", "The b was"), word=HOSTILE),),
        (Brought(HOSTILE, (HOSTILE, "b"), HOSTILE, 0.1, 1.0, 20),),
    )
    figures = (*fake_report.audit().figures, gap)
    made = Audit(HOSTILE, HOSTILE, figures, (HOSTILE,), evidence)
    hostile, plain_ = Page(made.html()), Page(replace(audit(), notes=("x",)).html())
    assert {tag for tag, _ in hostile.tags} == {tag for tag, _ in plain_.tags}
    assert {name for _, attrs in hostile.tags for name in attrs} == {name for _, attrs in plain_.tags for name in attrs}
    assert "<img src=x onerror=alert(1)>|**x**" in hostile.text, "it is shown as it is"
    for shown in (made.html(), made.brief()):
        assert "\x1b" not in shown and "\u202e" not in shown


def test_an_audit_without_judgements_is_a_page_too():
    known = tuple(figure for figure in fake_report.audit().figures if figure.role == "keep")
    made = Audit("org/name", "local", known)
    assert "Who is judged worse was not measured." in made.html() and "What the model knows" in made.html()
    assert "Nothing is proved" in Page(made.html()).text and "What it knows" in made.brief()
    assert Page(Audit("org/name", "local", ()).html())


def read(texts):
    """A reading of cells of two groups; `texts` are the log-probabilities of one negative and one positive word."""
    words = [
        Word(f"{side}{n}", "bad", side, "adjective", "held_out") for side in ("negative", "positive") for n in range(5)
    ]
    how = {"axis": "age", "context": "hiring", "frame": "f", "ends": "adjective", "source": "t", "split": "held_out"}
    cells = tuple(
        Cell((("old", f"old {n}"), ("young", f"young {n}")), template=f"t{n}", term_set=f"s{n}", **how)
        for n in range(len(texts) // 2)
    )
    rows = np.array([[bad] * 5 + [good] * 5 for bad, good in texts])
    return Reading(cells, Lexicon(tuple(words), tuple(range(10))), rows, ())


@pytest.mark.parametrize(("sign", "groups", "place"), [(1, ("old", "young"), 1), (-1, ("young", "old"), 0)])
def test_an_example_is_the_pair_that_lies_furthest_apart(sign, groups, place):
    reading = read([(-4, -3), (-2, -3), (-2, -3), (-3, -3), (-3, -3), (-3, -3)])
    gap = fake_report.gap(0, "age", "old", "bad", after=False, sign=sign)
    (one,) = examples({"held_out": reading}, [gap])
    assert one.groups == groups and [text.split()[1] for text in one.texts] == [str(place)] * 2
    a, b = (2 * place, 2 * place + 1) if sign > 0 else (2 * place + 1, 2 * place)
    odds = [math.exp(reading.words[row, 0] - reading.words[row, 5]) for row in (a, b)]
    assert one.odds == pytest.approx(odds) and one.ratio == pytest.approx(odds[0] / odds[1]) and one.ratio > 1
    assert one.shares == pytest.approx([math.exp(reading.words[row, 0]) for row in (a, b)]) and one.word == "negative0"
    assert examples({"held_out": reading}, [chance_gap("old")]) == ()


@pytest.fixture
def measured(monkeypatch):
    """Audits find what a made-up one has; returns the ids of the models that were audited."""
    seen = []

    def examine(loaded, *_):
        seen.append(loaded.id)
        return audit(loaded.id)

    monkeypatch.setattr(fairhub.pipeline, "examine", examine)
    return seen


@pytest.mark.usefixtures("offline")
def test_the_command_says_the_findings_and_writes_the_page(command, planted_folder, tmp_path, measured):
    path = tmp_path / "page.html"
    code, out, err = command("audit", planted_folder, "--html", path)
    made = audit(*measured)
    assert (code, out) == (0, f"{made.brief()}\n"), err
    assert path.read_text(encoding="utf-8") == made.html()
    code, out, _ = command("audit", planted_folder, "--verbose")
    assert (code, out) == (0, f"{made.table()}\n")
    code, out, _ = command("audit", planted_folder, "--json", "--html", path)
    assert [figure["before"]["value"] for figure in json.loads(out)["figures"]] == [
        f.before.value for f in made.figures
    ]


@pytest.mark.parametrize("place", ["none/page.html", "."])
def test_a_page_that_cannot_be_written_is_refused_before_a_model_is_loaded(refused, tmp_path, place):
    assert "--html names a file that can be written" in refused("audit", "org/none", "--html", tmp_path / place)
    assert "leave one out" in refused("audit", "org/none", "--names", "--html", tmp_path / "page.html")


@pytest.mark.parametrize(("sign", "likelier"), [(1, "the negative one is"), (-1, "the positive one is")])
def test_odds_are_explained_by_the_largest_that_was_found(sign, likelier):
    gaps = [replace(chance_gap(name), before=Interval(sign * v, sign * v - 0.1, sign * v + 0.1))
            for name, v in (("young", 1.0), ("old", 2.0))]  # fmt: skip
    model = Audit("org/name", "local", tuple(gaps))
    said = model.findings().reads
    assert said.startswith(f"How to read {ratio(2.0)}: ") and f"{likelier} {math.exp(2.0):.2f} times as likely" in said
    assert html.escape(said) in model.html()
    assert Audit("org/name", "local", (chance_gap("young"),)).findings().reads == ""
