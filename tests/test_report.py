"""One record, into words that hide nothing."""

import math
from dataclasses import replace

import fake_report
import pytest

from fairhub.errors import UserError
from fairhub.report import SPLITS, audit_table, markdown, table
from fairhub.report.tables import unseen_bias
from fairhub.report.wording import direction, number, odds, percent
from fairhub.stats.statistics import Interval


@pytest.fixture(scope="module")
def repair():
    return fake_report.report()


@pytest.fixture(scope="module")
def audit():
    return fake_report.audit()


def test_no_figure_without_an_interval(repair):
    good = repair.figures[0]
    for change in (
        {"before": None},
        {"before": 0.3},
        {"before": Interval(0.3, math.nan, 0.4)},
        {"after": Interval(math.inf, 0, 1)},
        {"change": replace(good.change, low=None)},
        {"change": replace(good.change, relative_low=None)},
    ):
        with pytest.raises(UserError, match="no figure without an interval"):
            replace(good, **change)
    with pytest.raises(UserError, match="go together"):
        replace(good, change=None)
    with pytest.raises(UserError, match="direction"):
        replace(good, better="smaller")


def test_outcome_needs_the_whole_interval():
    assert fake_report.figure(-0.5, name="judgement").outcome == "better"
    assert fake_report.figure(+0.5, name="judgement").outcome == "worse"
    assert fake_report.figure(0.0, seed=3).outcome == "not shown"
    assert fake_report.figure(0.0, after=False).outcome == "not compared"
    assert replace(fake_report.figure(+0.5, name="meaning"), better="higher").outcome == "better"
    kl = fake_report.utility()[2]
    assert (kl.name, kl.outcome) == ("kl", "worse"), "compared with a base that is 0 by definition"


@pytest.mark.parametrize("name", ["reaction", "divergence"])
@pytest.mark.parametrize("role", ["reaction", "bias"])  # reports once recorded it as bias
def test_less_reaction_is_not_called_better(repair, name, role):
    """A model that goes deaf reacts least of all."""
    fell, rose = (fake_report.figure(effect, name=name, role=role, seed=8) for effect in (-0.5, +0.5))
    assert (fell.outcome, rose.outcome) == ("less reaction", "more reaction")
    assert fake_report.figure(0.0, name=name, seed=3).outcome == "not shown"
    assert direction(fell) == "nats, less is not fairer"
    on_control = fake_report.figure(-0.5, axis="control", better="higher")
    assert on_control.outcome == "worse", "of control pairs it must stay"
    assert unseen_bias([fell, rose]) == []
    said = [line for line in markdown(replace(repair, figures=(fell,))).splitlines() if line.startswith(f"| {name}")]
    assert said and all(line.endswith("| less reaction |") for line in said)
    audited = audit_table([replace(fell, after=None, change=None)]).splitlines()
    assert [("lower" in line) for line in audited if line.startswith(f"  {name}")] == [False]


def test_lookup_finds_the_place_or_says_where_it_was_measured(repair):
    assert repair.figure("divergence", "held_out", axis="race").axis == "race"
    assert repair.figure("divergence", "external").axis == "all"
    with pytest.raises(KeyError, match="not measured on search .*held_out, axis all"):
        repair.figure("perplexity", "search")
    with pytest.raises(KeyError, match="measured: nowhere"):
        repair.figure("lambada", "held_out")


def cells(text):
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if "|" in line]


def test_markdown_shows_every_figure_with_interval_split_and_counts(repair):
    rows = cells(markdown(repair).replace("\\", ""))
    figures = [*repair.figures, *(figure for control in repair.controls for figure in control.figures)]
    for figure in (figure for figure in figures if figure.groups is None):
        part = figure.after if figure.name == "specificity" else figure.before
        low = f"{100 * part.low:+.0f}" if figure.name == "specificity" else number(part.low)
        matching = [
            row
            for row in rows
            if any(cell.startswith(f"{figure.name} (") and direction(figure) in cell for cell in row)
            and figure.split in row
            and f"{figure.items} / {figure.clusters}" in row
            and (figure.axis == "all" or figure.axis in row)
            and (figure.context == "all" or figure.context in row)
            and any(f"[{low}, " in cell or cell == low == "0" for cell in row)
        ]
        assert matching, figure.label


def section(text, title):
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0].replace("\\", "")


def test_markdown_lists_single_gaps_beyond_chance_and_counts_the_others(repair):
    noise = fake_report.gap(0, "age", "young", after=False)
    noise = replace(noise, before=replace(noise.before, low=-1.0))
    grown = fake_report.gap(+0.6, "age", "young", "cold", seed=5)
    unsure = replace(grown, before=replace(grown.before, low=-1.0))
    said = section(markdown(replace(repair, figures=(*repair.figures, noise, unsure))), "Single gaps")
    rows = cells(said)[2:]
    assert f"{len(rows)} of {len(fake_report.gaps()) + 2} single gaps." in said and len(rows) == 9
    for gap in fake_report.gaps():
        name = f"{gap.groups[0]} (against others)"
        assert [gap.axis, name, "held_out", gap.name.removeprefix("direction.")] in [row[:4] for row in rows]
    assert [row[-1] for row in rows if row[1].startswith("young")] == ["**grew**"], "there or not, it grew"
    assert "None of 1 single gaps is beyond chance." in markdown(replace(repair, figures=(noise,)))


def test_markdown_ranks_pairs_of_groups(repair):
    rows = cells(section(markdown(repair), "Pairs of groups"))[2:]
    pairs = [f for f in repair.figures if f.name == "judgement" and f.groups]
    assert [row[1] for row in rows] == [" and ".join(f.groups) for f in sorted(pairs, key=lambda f: -f.before.value)]
    assert all(odds(f.before.value) in row for f in pairs for row in rows if row[1] == " and ".join(f.groups))


def test_markdown_reads_what_must_stay_by_its_limit(repair):
    reading = {row[0].split(" ")[0]: row[-1] for row in cells(section(markdown(repair), "What must stay"))[2:]}
    assert {*fake_report.KEPT, "divergence"} == set(reading)
    deaf = replace(repair, figures=(*fake_report.kept(merit=-0.4, recall=-0.07),))
    reading = {row[0].split(" ")[0]: row[-1] for row in cells(section(markdown(deaf), "What must stay"))[2:]}
    assert (reading["merit"], reading["recall"]) == ("past its limit of 10 %", "worse, within its limit")
    assert "| range, no interval |" in section(markdown(repair), "Who is judged worse, from near to far")


def test_markdown_begins_with_who_is_judged_worse(repair):
    titles = [line[3:] for line in markdown(repair).splitlines() if line.startswith("## ")]
    assert titles[:4] == ["Who is judged worse, from near to far", "Single gaps", "What must stay", "Utility"]
    lesser = titles.index("What a group's name changes everywhere")
    assert lesser < titles.index("Divergence of single pairs, from near to far")
    for part in ("dimension", "axis", "context"):
        assert f"Who is judged worse, by {part}" in titles


def test_markdown_says_failures_as_plainly(repair):
    text = markdown(repair)
    said = section(text, "Where it does not carry over")
    unseen = [f for f in repair.figures if f.role == "bias" and f.split in ("held_out", "external") and not f.groups]
    unseen = [f for f in unseen if f.change and f.name not in ("judgement.leave_one_frame_out", "winobias_gap")]
    good = [f for f in unseen if f.outcome == "better"]
    assert 0 < len(good) < len(unseen) and f"{len(good)} of {len(unseen)} bias figures" in said
    for place in ("axis gender, context all", "axis all, context housing"):
        assert f"judgement (held_out, {place}): no change shown" in said
    assert "divergence" not in said, "less reaction is no repair, and more of it no failure"
    assert "axis race" not in said
    rise = fake_report.figure(+0.5, axis="disability", name="judgement", seed=8)
    assert "axis disability, context all): **worse**" in markdown(replace(repair, figures=(*repair.figures, rise)))


def test_markdown_orders_splits_from_near_to_far(repair):
    for title in ("Who is judged worse, from near to far", "Divergence of single pairs, from near to far"):
        said = section(markdown(repair), title)
        places = [said.index(f"| {split} |") for split in SPLITS]
        assert places == sorted(places)


def test_markdown_quotes_model_output_without_obeying_it(repair):
    text = markdown(repair)
    assert "a \\| thief &lt;b&gt;" in text and "a \\*cat\\* lady" in text and "<b>" not in text


def test_markdown_leaves_out_what_was_not_done(audit):
    text = markdown(audit)
    for absent in (
        "does not carry over",
        "to choose from",
        "Against other",
        "repeatable",
        "it writes",
        "nan",
    ):
        assert absent not in text
    assert "removed nothing" in text


def test_table_fits_a_terminal(repair, audit):
    long = replace(repair, base_model={"id": "somebody/" + "a-very-long-model-name" * 5})
    long = replace(long, figures=(*repair.figures, fake_report.figure(0.1, "external", name="n" * 40)))
    for report in (repair, audit, long):
        lines = table(report).splitlines()
        assert max(map(len, lines)) <= 80 and len(lines) <= 60
    text = table(repair)
    for needed in (*SPLITS, "gender", "specificity", "perplexity", "random", "Repaired", "bad", "cold", "systematic"):
        assert needed in text
    for kept in ("merit", "incidental", "control pairs"):
        assert f"\n  {kept} (10 %) " in text
    assert "\n  recall (5 %) " in text and "\n  perplexity (2 %) " in text
    assert "Black" not in text, "single gaps and pairs are too many for a terminal"


def test_numbers_are_rounded_alike_everywhere():
    assert [number(v) for v in (0.027, 23.456, 640, 12345, 0, -0.0412)] == [
        "0.0270", "23.5", "640", "12,345", "0", "-0.0412",
    ]  # fmt: skip
    assert [percent(v) for v in (-0.344, 0.018, 0.0, 0.0996)] == ["-34 %", "+1.8 %", "+0.0 %", "+10 %"]
