"""The paper the pictures are drawn on: one look, colours that colour-blind readers tell apart."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Picture
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fairhub.stats.statistics import Change, Interval

# Okabe & Ito 2008, "Color universal design"; shapes differ as well, so that grey prints stay readable.
BEFORE, AFTER, MARKED, FAINT, INK = "#7f7f7f", "#0072B2", "#D55E00", "#d9d9d9", "#222222"
TEXT, SMALL = 12, 10.5


def blank(width: float, height: float, title: str, reading: str, rows: int = 1, columns: int = 1) -> Picture:
    """Start a picture, in inches, with a title and the line that says how to read it."""
    picture = Picture(figsize=(width, height), dpi=144, facecolor="white", layout=ConstrainedLayoutEngine(w_pad=0.12))
    FigureCanvasAgg(picture)
    picture.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=TEXT + 3, fontweight="bold", color=INK, parse_math=False)
    picture.text(0.01, 1 - 0.42 / height, reading, ha="left", va="top", fontsize=TEXT - 1, color="#555555")
    for axes in picture.subplots(rows, columns, sharex="col" if rows > 1 else False, squeeze=False).flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color("#999999")
        axes.tick_params(labelsize=SMALL, color="#999999", labelcolor=INK)
        axes.set_axisbelow(True)
    return picture


def png(picture: Picture, dots: int = 96) -> bytes:
    """Return a picture as a PNG file, at so many dots an inch."""
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", dpi=dots)
    return buffer.getvalue()


@dataclass(frozen=True)
class Look:
    """How one series of values is drawn, and its name in the legend."""

    label: str
    colour: str
    marker: str
    fill: str | None = None


WAS = Look("before", BEFORE, "o", "white")
IS = Look("after", AFTER, "s")
IS_WORSE = Look("after, worse", MARKED, "D")
PEOPLE = Look("demographic pairs", AFTER, "s")
CONTROL = Look("control pairs", BEFORE, "^")


def whiskers(
    axes: Axes, look: Look, places: Sequence[float], parts: Sequence[Interval], horizontal: bool = False
) -> None:
    """Draw values with their intervals, at `places` on the other axis."""
    if not parts:
        return
    values = [part.value for part in parts]
    arms = [[p.value - p.low for p in parts], [p.high - p.value for p in parts]]
    # A percentile interval need not hold its value; an arm of no length is then the honest drawing.
    arms = [[max(arm, 0.0) for arm in side] for side in arms]
    style: dict[str, Any] = {
        "color": look.colour,
        "marker": look.marker,
        "markersize": 8,
        "markerfacecolor": look.fill or look.colour,
        "markeredgewidth": 2 if look.fill else 1,
        "linestyle": "none",
    }
    bars: dict[str, Any] = {"elinewidth": 2, "capsize": 4, "capthick": 1.5} | style
    if horizontal:
        axes.errorbar(values, places, xerr=arms, **bars)
    else:
        axes.errorbar(places, values, yerr=arms, **bars)
    axes.plot([], [], label=look.label, **style)  # a legend entry without the bars, which would hide it


def relative(change: Change | None) -> Interval | None:
    """Relative change in percent as an interval; None where it is undefined."""
    if change is None or change.share is None:
        return None
    return Interval(100 * change.share.value, 100 * change.share.low, 100 * change.share.high)
