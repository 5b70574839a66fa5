"""Reports say of every public benchmark: better, worse, or no detectable change, beyond the chance of a whole table."""

import fake_report
import pytest

from fairhub import card, report
from fairhub.report import Figure, audit_table, audited, is_public
from fairhub.report.public import NONE, public_table, readings
from fairhub.stats.statistics import Change, Interval


def public(name, change=0.0, p=1.0, better="lower", role="bias", axis="all", half=0.05):
    split = "external" if role == "bias" else "held_out"
    shift = Change(change, change - half, change + half, None, None, None, p)
    before, after = Interval(0.4, 0.35, 0.45), Interval(0.4 + change, 0.35 + change, 0.45 + change)
    return Figure(name, role, split, axis, "all", better, "share", 200, 50, before, after, shift)


MEASURED = [
    public("bbq_bias_ambiguous", -0.2, 0.001),
    public("crows_pairs", 0.2, 0.001),
    public("honest", -0.06, 0.04),  # its own interval says better, the table does not
    public("lambada", 0.0, 0.9, "higher", "utility"),
    public("boolq", 0.2, 0.001, "higher", "utility"),
]


def test_readings_hold_beyond_the_chance_of_the_whole_table():
    said = [reading for reading, _ in readings(MEASURED)]
    assert said == ["better", "worse", NONE, NONE, "better"]
    assert readings(MEASURED[2:3])[0][0] == "better"  # alone it would have been shown
    assert [p for _, p in readings(MEASURED)] == pytest.approx([0.005, 0.005, 0.08, 0.9, 0.005])


def test_the_table_has_arrows_and_says_what_could_have_been_shown():
    lines = public_table(MEASURED).splitlines()
    assert "(share, lower is better) | ↓ |" in lines[2] and "(share, higher is better) | ↑ |" in lines[5]
    assert "±0.0714" in lines[2]  # 2.8 standard errors of an interval of 0.1
    assert lines[2].endswith("| better |") and lines[5].endswith(f"| {NONE} |")
    assert "Axis" not in lines[0] and "Axis" in public_table([*MEASURED, public("honest", axis="gender")])


def test_reports_and_cards_show_them_in_a_section_of_their_own():
    made = fake_report.report(measured=(*fake_report.figures(), *MEASURED, public("crows_pairs", axis="age")))
    for text in (report.markdown(made), card.render(made)):
        section = text.split("Public benchmarks")[1]
        assert "bbq\\_bias\\_ambiguous" in section and NONE in section
    assert "public benchmarks: better" in report.table(made) and f"public benchmarks: {NONE}" in report.table(made)
    assert report.from_json(report.to_json(made)) == made
    for title in ("Who is judged worse, from near to far", "Divergence of single pairs, from near to far"):
        assert "crows" not in report.markdown(made).split(f"## {title}")[1].split("##")[0]


def test_an_audit_is_a_table_for_a_stranger():
    found = [f for f in fake_report.audit().figures]
    found += [public(f.name, better=f.better, role=f.role) for f in MEASURED]
    text = audit_table(found, ["A note that a reader should not miss. " * 4])
    assert "public benchmarks: bias" in text and "bias, held_out" in text and "utility" in text
    for title in ("who is judged worse, held_out", "who is judged worse, external", "what must stay"):
        assert f"\n{title}\n" in text
    gaps = text.split("single gaps beyond chance")[1].split("what must stay")[0]
    assert "direction.bad" in gaps and "Black (held_out)" in gaps
    assert " ".join(report.verdict(found).split()) in " ".join(text.split()), "the audit ends in its verdict"
    assert "↓ lower" in text and "↑ higher" in text and "A note" in text
    assert all(len(line) <= audited.WIDTH for line in text.splitlines())


def test_figures_of_our_own_are_not_public():
    assert all(is_public(figure) for figure in MEASURED)
    own = [figure for figure in fake_report.report().figures if is_public(figure)]
    assert {figure.name for figure in own} <= {"winobias_gap", "lambada", "boolq"}
