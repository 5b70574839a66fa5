"""Pictures show what the report holds, and nothing it does not."""

import sys
from dataclasses import replace

import fake_report
import pytest

from fairhub import plots
from fairhub.report.wording import shift


@pytest.fixture(scope="module")
def repair():
    return fake_report.report()


def words(picture):
    """Every text of a picture."""
    texts = [*picture.texts, *(text for axes in picture.axes for text in axes.texts)]
    ticks = [label for axes in picture.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    legends = [text for axes in picture.axes if axes.legend_ for text in axes.legend_.get_texts()]
    return " ".join(text.get_text() for text in (*texts, *ticks, *legends, picture._suptitle))


def segments(axes):
    """Ends of the whiskers of a picture, as (x, y) pairs."""
    return [segment.tolist() for bar in axes.collections for segment in getattr(bar, "get_segments", lambda: [])()]


def test_every_picture_is_written_as_png(repair, tmp_path):
    written = plots.save_all(repair, tmp_path / "pictures")
    assert list(written) == list(plots.PICTURES)
    for path in written.values():
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5000


def test_absent_data_gives_no_picture_and_removes_an_old_one(tmp_path):
    (tmp_path / "annealing.png").write_bytes(b"of another run")
    kept = ["who_is_judged_worse", "by_axis", "by_context"]
    assert list(plots.save_all(fake_report.audit(), tmp_path)) == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.png" for name in kept)
    bare = fake_report.report((), pruning=[], trace={}, choices=None, verdict="", transfer=None)
    assert all(draw(bare) is None for draw in plots.PICTURES.values())


def test_pyplot_is_never_loaded(repair):
    before = "matplotlib.pyplot" in sys.modules
    plots.fall_off(repair)
    assert ("matplotlib.pyplot" in sys.modules) == before


@pytest.mark.parametrize("name", list(plots.PICTURES))
def test_pictures_are_pure(repair, name):
    draw = plots.PICTURES[name]
    first, second = (draw(repair).canvas for _ in range(2))
    first.draw()
    second.draw()
    assert bytes(first.buffer_rgba()) == bytes(second.buffer_rgba())


def before_schema_2():
    """A report without judgements: what fairhub measured before it asked who is judged worse."""
    measured = [f for f in fake_report.figures() if f.role != "keep" and f not in fake_report.judged()]
    return fake_report.report(tuple(measured))


BOTH = pytest.mark.parametrize(
    ("report", "name"), [(fake_report.report(), "judgement"), (before_schema_2(), "divergence")], ids=["new", "old"]
)


@BOTH
def test_every_axis_is_a_row_with_its_whiskers_and_paired_change(report, name):
    picture = plots.by_axis(report)
    said = words(picture)
    assert all(axis in said for axis in fake_report.AXES) and "control" not in said
    assert ("lower is better" if name == "judgement" else "less is not fairer") in said
    ends = {round(x, 9) for segment in segments(picture.axes[0]) for x, _ in segment}
    for axis in fake_report.AXES:
        figure = report.figure(name, "held_out", axis=axis)
        for part in (figure.before, figure.after):
            assert {round(part.low, 9), round(part.high, 9)} <= ends
        assert shift(figure.change) in said


@BOTH
def test_contexts_have_rows_of_their_own(report, name):
    said = words(plots.by_context(report))
    assert all(context in said for context in fake_report.CONTEXTS) and "gender" not in said
    assert f"{name}: nats" in said


@BOTH
def test_a_rise_is_marked(report, name):
    assert "after, worse" not in words(plots.by_axis(report))
    rise = fake_report.figure(+0.5, axis="disability", name=name, seed=8)
    marked = "after, worse" in words(plots.by_axis(replace(report, figures=(*report.figures, rise))))
    assert marked == (name == "judgement"), "more reaction is not worse"


def grids(picture):
    """The colours of each grid, and the numbers that stand in it by place."""
    return [
        (axes.images[0].get_array(), {text.get_position(): text.get_text() for text in axes.texts})
        for axes in picture.axes
    ]


def test_who_is_judged_worse_colours_only_what_is_beyond_chance(repair):
    groups, dimensions = [("race", "Black"), ("race", "white"), ("age", "old"), ("gender", "woman")], ["bad", "cold"]
    picture = plots.who_is_judged_worse(repair)
    assert "beyond chance only" in words(picture) and all(f"more {name}" in words(picture) for name in dimensions)
    assert "Black (race)" in words(picture)
    colours, numbers = grids(picture)[0]
    for gap in fake_report.gaps():
        x, y = dimensions.index(gap.name.removeprefix("direction.")), groups.index((gap.axis, gap.groups[0]))
        assert numbers[x, y] == f"{gap.before.value:+.2f}" and colours[y, x] * gap.before.value > 0
    wide = [replace(f, before=replace(f.before, low=f.before.value - 9, high=9)) for f in fake_report.gaps()]
    picture = plots.who_is_judged_worse(replace(repair, figures=tuple(wide)))
    colours, numbers = grids(picture)[0]
    assert not colours.any() and len(numbers) == 8, "a gap that chance could make has its number and no colour"


def test_a_gap_that_would_pass_alone_has_no_colour_among_many():
    gap = fake_report.gap(0, after=False)
    slight = replace(gap, before=replace(gap.before, value=1.1, low=0.1, high=2.1))
    others = [replace(slight, groups=(f"group {i}", "others"), before=replace(slight.before, low=-9)) for i in range(9)]
    for figures_, coloured in (([slight], True), ([slight, *others], False)):
        picture = plots.who_is_judged_worse(fake_report.report(tuple(figures_), verdict=""))
        assert grids(picture)[0][0].any() == coloured and len(picture.axes) == 1


def test_what_a_repair_took_away_loses_its_colour(repair):
    gaps = [f for f in repair.figures if f.name.startswith("direction.")]
    gone = [replace(f, after=replace(f.after, value=0.01, low=-0.1, high=0.12)) for f in gaps]
    before, after = grids(plots.who_is_judged_worse(replace(repair, figures=tuple(gone))))
    assert before[0].all() and not after[0].any() and set(after[1].values()) == {"+0.01"}


def test_an_old_report_has_no_picture_of_who_is_judged_worse():
    assert plots.who_is_judged_worse(before_schema_2()) is None


@BOTH
def test_fall_off_runs_from_near_to_far_beside_the_control(report, name):
    picture = plots.fall_off(report)
    labels = [label.get_text().split("\n")[0] for label in picture.axes[0].get_xticklabels()]
    assert labels == ["search", "select", "held out", "external"]
    said = words(picture)
    assert "control pairs" in said and "lower is better" in said
    for split in fake_report.SPLITS:
        assert f"{100 * report.figure(name, split).change.relative:+.0f} %" in said
    assert f"Change of {name} (all)" in said


def test_front_marks_the_chosen_and_what_it_did_unseen(repair):
    said = words(plots.front(repair))
    assert "chosen, on select" in said and "chosen, on unseen prompts" in said and "15 units" in said
    assert "unseen" not in words(plots.front(replace(repair, figures=())))


def test_units_are_drawn_where_they_are(repair):
    heads, neurons = plots.units(repair).axes
    grid = heads.collections[0].get_array()
    assert grid.shape == (9, 30) and grid.sum() == 4
    assert all(grid[u["index"], u["layer"]] == 1 for u in repair.pruning if u["kind"] == "head")
    assert sum(bar.get_height() for bar in neurons.patches) == 11
    assert "4 heads, 11 neurons" in words(heads.figure)


def test_units_of_a_model_of_unknown_size_say_so(repair):
    lone = replace(repair, base_model={"id": "x"}, pruning=[{"kind": "head", "layer": 2, "index": 1}])
    picture = plots.units(lone)
    assert len(picture.axes) == 1 and "up to the last one touched" in words(picture)


def test_annealing_draws_what_the_trace_has(repair):
    top, bottom = plots.annealing(repair).axes
    best = next(line for line in top.lines if line.get_label() == "best so far")
    assert list(best.get_ydata()) == repair.trace["best"]
    assert "temperature" in bottom.get_legend().get_texts()[1].get_text()
    short = plots.annealing(replace(repair, trace={"energy": [3.0, None, 1.0]}))
    assert len(short.axes) == 1 and len(short.axes[0].lines) == 1
