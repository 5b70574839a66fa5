"""Small charts that grow while a search runs: SVG in the page's own colours, with words for who cannot see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairhub.report.wording import percent
from fairhub.space.markup import esc

_WIDE, _HIGH, _LEFT, _FOOT, _TOP = 460, 220, 56, 34, 12


@dataclass(frozen=True)
class _Scale:
    """Data to pixels."""

    low: tuple[float, float]
    high: tuple[float, float]

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.low[0]) / (self.high[0] - self.low[0] or 1)
        up = (y - self.low[1]) / (self.high[1] - self.low[1] or 1)
        return _LEFT + across * (_WIDE - _LEFT - 14), _HIGH - _FOOT - up * (_HIGH - _FOOT - _TOP)


def course(energy: Sequence[float | None], best: Sequence[float | None]) -> str:
    """Return the annealing so far: the energy of each step and the lowest until then."""
    known = [float(value) for value in [*energy, *best] if value is not None]
    if not known:
        return ""
    scale = _Scale((0, min(known)), (max(1, len(energy) - 1), max(known)))
    lines = "".join(
        f'<polyline class="{kind}" points="{_points(scale, values)}"/>'
        for kind, values in (("was", energy), ("now", best))
    )
    words = f"Search: {len(energy)} steps, lowest energy so far {min(known):.3f}, from {known[0]:.3f}."
    ends = _axis(scale, "step", "energy (lower is better)", lambda value: f"{value:.2g}", lambda value: f"{value:.0f}")
    return _chart("The search, step by step", lines + ends, words)


def price(choice: Mapping[str, Any]) -> float:
    """Return what a candidate costs: the worst loss of what must stay where that was measured, else of perplexity."""
    return float(max(choice["lost"].values()) if choice.get("lost") else choice["perplexity_relative"])


def known(choice: Mapping[str, Any]) -> bool:
    """Whether it was asked what a candidate does to bias."""
    return "bias_relative" in choice or "bias_change" in choice


def brought(choice: Mapping[str, Any]) -> str:
    """Say what a candidate does to bias: relative, or in its own unit where the base is too near to none for that."""
    return percent(choice["bias_relative"]) if "bias_relative" in choice else _nats(choice["bias_change"])


def _nats(square: float) -> str:
    return f"{square:+.2g} nats²"


def front(choices: Sequence[Mapping[str, Any]], marked: int | None = None) -> str:
    """Return what candidates bring against what they cost; one may be marked, by its place here."""
    if not choices:
        return ""
    shares = all("bias_relative" in choice for choice in choices)
    name, say = ("bias_relative", percent) if shares else ("bias_change", _nats)
    points = [(price(choice), float(choice[name])) for choice in choices]
    spans = [[0.0, *(point[side] for point in points)] for side in (0, 1)]
    scale = _Scale((min(spans[0]), min(spans[1])), (max(spans[0]), max(spans[1])))
    dots = ""
    for place, point in enumerate(points):
        x, y = scale(*point)
        kind = "dot marked" if place == marked else "dot"
        dots += f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{8 if place == marked else 5}"/>'
    keeps = all(choice.get("lost") for choice in choices)
    cost, gap = _KEEPS if keeps else _PAYS
    words = "Candidates: " + "; ".join(f"{gap} {say(b)} at {cost} {percent(p)}" for p, b in points) + "."
    ends = _axis(scale, cost, gap, say, percent)
    return _chart("What each candidate brings and costs", dots + ends, words)


_KEEPS = "worst loss of what must stay", "judged apart"
_PAYS = "change of perplexity", "change of bias"


def _points(scale: _Scale, values: Sequence[float | None]) -> str:
    places = [scale(step, value) for step, value in enumerate(values) if value is not None]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _axis(scale: _Scale, across: str, up: str, say_up: object, say_across: object) -> str:
    assert callable(say_up) and callable(say_across)
    bottom, left = _HIGH - _FOOT, _LEFT
    return (
        f'<path class="axis" d="M{left} {_TOP}V{bottom}H{_WIDE - 14}"/>'
        f'<text x="{left - 5}" y="{bottom}" text-anchor="end">{esc(say_up(scale.low[1]))}</text>'
        f'<text x="{left - 5}" y="{_TOP + 8}" text-anchor="end">{esc(say_up(scale.high[1]))}</text>'
        f'<text x="{left}" y="{bottom + 14}">{esc(say_across(scale.low[0]))}</text>'
        f'<text x="{_WIDE - 14}" y="{bottom + 14}" text-anchor="end">{esc(say_across(scale.high[0]))}</text>'
        f'<text class="name" x="{(_WIDE + left) / 2}" y="{_HIGH - 4}" text-anchor="middle">{esc(across)}</text>'
        f'<text class="name" x="{left + 6}" y="{_TOP + 8}">{esc(up)}</text>'
    )


def _chart(title: str, inside: str, words: str) -> str:
    return (
        f'<figure class="fh-chart"><figcaption>{esc(title)}</figcaption><svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" '
        f'aria-label="{esc(words)}">{inside}</svg></figure>'
    )
