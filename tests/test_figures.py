"""Pictures show what the report holds, and nothing it does not."""

import sys
from dataclasses import replace

import fake_report
import pytest

from fairhub import figures


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
    written = figures.save_all(repair, tmp_path / "pictures")
    assert list(written) == list(figures.PICTURES)
    for path in written.values():
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5000


def test_absent_data_gives_no_picture_and_removes_an_old_one(tmp_path):
    (tmp_path / "annealing.png").write_bytes(b"of another run")
    assert list(figures.save_all(fake_report.audit(), tmp_path)) == ["by_axis"]
    assert [path.name for path in tmp_path.iterdir()] == ["by_axis.png"]
    bare = fake_report.report((), pruning=[], trace={}, choices=None, verdict="", transfer=None)
    assert all(draw(bare) is None for draw in figures.PICTURES.values())


def test_pyplot_is_never_loaded(repair):
    before = "matplotlib.pyplot" in sys.modules
    figures.fall_off(repair)
    assert ("matplotlib.pyplot" in sys.modules) == before


@pytest.mark.parametrize("name", list(figures.PICTURES))
def test_pictures_are_pure(repair, name):
    draw = figures.PICTURES[name]
    first, second = (draw(repair).canvas for _ in range(2))
    first.draw()
    second.draw()
    assert bytes(first.buffer_rgba()) == bytes(second.buffer_rgba())


def test_every_axis_is_a_row_with_its_whiskers_and_paired_change(repair):
    picture = figures.by_axis(repair)
    said = words(picture)
    assert all(axis in said for axis in fake_report.AXES) and "control" not in said
    assert "lower is better" in said
    ends = {round(x, 9) for segment in segments(picture.axes[0]) for x, _ in segment}
    for axis in fake_report.AXES:
        figure = repair.figure("divergence", "held_out", axis=axis)
        for part in (figure.before, figure.after):
            assert {round(part.low, 9), round(part.high, 9)} <= ends
        assert f"{100 * figure.change.relative_high:+.0f} %]" in said or "gender" in axis


def test_contexts_have_rows_of_their_own(repair):
    said = words(figures.by_context(repair))
    assert all(context in said for context in fake_report.CONTEXTS) and "gender" not in said


def test_a_rise_is_marked(repair):
    assert "worse" not in words(figures.by_axis(repair))
    rise = fake_report.figure(+0.5, axis="disability", seed=8)
    assert "after, worse" in words(figures.by_axis(replace(repair, figures=(*repair.figures, rise))))


def test_fall_off_runs_from_near_to_far_beside_the_control(repair):
    picture = figures.fall_off(repair)
    labels = [label.get_text().split("\n")[0] for label in picture.axes[0].get_xticklabels()]
    assert labels == ["search", "select", "held out", "external"]
    said = words(picture)
    assert "control pairs" in said and "lower is better" in said
    for split in fake_report.SPLITS:
        assert f"{100 * repair.figure('divergence', split).change.relative:+.0f} %" in said


def test_front_marks_the_chosen_and_what_it_did_unseen(repair):
    said = words(figures.front(repair))
    assert "chosen, on select" in said and "chosen, on unseen prompts" in said and "15 units" in said
    assert "unseen" not in words(figures.front(replace(repair, figures=())))


def test_units_are_drawn_where_they_are(repair):
    heads, neurons = figures.units(repair).axes
    grid = heads.collections[0].get_array()
    assert grid.shape == (9, 30) and grid.sum() == 4
    assert all(grid[u["index"], u["layer"]] == 1 for u in repair.pruning if u["kind"] == "head")
    assert sum(bar.get_height() for bar in neurons.patches) == 11
    assert "4 heads, 11 neurons" in words(heads.figure)


def test_units_of_a_model_of_unknown_size_say_so(repair):
    lone = replace(repair, base_model={"id": "x"}, pruning=[{"kind": "head", "layer": 2, "index": 1}])
    picture = figures.units(lone)
    assert len(picture.axes) == 1 and "up to the last one touched" in words(picture)


def test_annealing_draws_what_the_trace_has(repair):
    top, bottom = figures.annealing(repair).axes
    best = next(line for line in top.lines if line.get_label() == "best so far")
    assert list(best.get_ydata()) == repair.trace["best"]
    assert "temperature" in bottom.get_legend().get_texts()[1].get_text()
    short = figures.annealing(replace(repair, trace={"energy": [3.0, None, 1.0]}))
    assert len(short.axes) == 1 and len(short.axes[0].lines) == 1
