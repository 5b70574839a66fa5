"""One plain sentence on what a run proved: who is judged worse, and what was lost, from held-out figures."""

import math
from collections.abc import Sequence

from scipy import stats

from fairhub.report.credit import credit
from fairhub.report.metrics import OTHERWISE
from fairhub.report.record import Control, Figure, find, searched
from fairhub.report.wording import odds, percent, ratio, shift, shift_of
from fairhub.stats.statistics import holm

LEVEL = 0.05
_SHOWN = 3


def verdict(figures: Sequence[Figure], units: int | None = None, controls: Sequence[Control] = ()) -> str:
    """Say what was proved on unseen prompts and words, at what cost, and why it is no repair where it is none.

    It begins with one word. "Repaired": the judgement gap fell by its whole interval, no single gap surely grew, and
    nothing that must stay was surely lost beyond its limit. "Damaged": meaning, recall, last words or perplexity were.
    "Duller": only reactions to merit, incidental traits or control pairs were. "Not repaired": the gap did not surely
    fall, or a single gap grew. "Nothing to repair": there was no gap that can be told from none. An audit says who is
    judged worse. Where search was restricted to axes, groups or dimensions, the gaps of these count.

    Args:
        figures: of one run; those of the splits held_out and external are read.
        units: how many units were removed; 0 means that nothing was worth removing.
        controls: what it is compared with: where its parts are among them, it says which of them did it.
    """
    gap = find(figures, "judgement", "held_out")
    if gap is None:
        read = find(figures, "systematic", "held_out") is not None
        why = ", as too few judgement words are one token of this model's tokenizer" if read else ""
        return f"Nothing is proved: who is judged worse was not measured on held-out prompts{why}."
    if gap.change is None:
        return _sentence("Audit only, nothing was changed", [f"{_level(gap)} of fairhub's own", *_audited(figures)])
    asked = [f for f in searched(figures) if f.change is not None] or [gap]
    if units == 0 or gap.change.low == gap.change.high == 0:
        word = "Not repaired" if any(f.before.low > 0 for f in asked) else "Nothing to repair"
        return _sentence(f"{word}: nothing was found to remove", [_there(asked, gap), _level(gap)])
    lost, grown = beyond_limits(figures), worse(directions(figures))
    fell = _fell(asked)
    moved = _moved(gap, asked)
    did_it = credit(controls) if gap.outcome == "better" else ""
    knows = [figure for figure in lost if figure.metric.loss == "damaged"]
    if knows:
        said = _losses([*knows, *(f for f in lost if f not in knows)])
        return _sentence(f"Damaged: {said}", [moved, did_it, *_rest(figures)])
    if lost:
        return _sentence(f"Duller: {_losses(lost)}", [moved, did_it, *_rest(figures)])
    if not fell and all(f.before.low <= 0 and f.change is not None and f.change.low <= 0 for f in asked):
        return _sentence("Nothing to repair", [_level(gap), moved, *_rest(figures)])
    if not fell or grown:
        reason = (
            f"{named(grown[0])} grew"
            if fell
            else "the judgement gap did not surely fall"
            if asked == [gap]
            else "what was searched did not surely fall"
        )
        return _sentence(f"Not repaired: {reason}", [moved, did_it, *_rest(figures)])
    kept = "nothing that must stay was surely lost beyond its limit"
    return _sentence(f"Repaired: {moved}", [did_it, kept, *_rest(figures)])


def _fell(asked: Sequence[Figure]) -> bool:
    """Whether the gaps surely fell: one did, so did all that were there before, and none rose."""
    moved = [(f, f.change) for f in asked if f.change is not None]
    there = [figure for figure, change in moved if figure.before.low > 0 or change.low > 0]
    return any(f.outcome == "better" for f, _ in moved) and all(f.outcome == "better" for f in there)


def worse(figures: Sequence[Figure]) -> list[Figure]:
    """Figures that got worse beyond the chance of having looked at them all (Holm, 5 %)."""
    changed = [figure for figure in figures if figure.change is not None]
    adjusted = holm([figure.change.p for figure in changed if figure.change is not None])
    return [figure for figure, p in zip(changed, adjusted, strict=True) if p < LEVEL and figure.outcome == "worse"]


def directions(figures: Sequence[Figure], split: str = "held_out") -> list[Figure]:
    """Return the signed gaps of one split: who is judged worse on which dimension."""
    return [f for f in figures if f.metric.section == "gaps" and f.split == split]


def beyond_chance(figures: Sequence[Figure]) -> list[Figure]:
    """Return the signed gaps that are there before any repair beyond the chance of so many looks, the largest first."""
    adjusted = holm([_chance(figure) for figure in figures])
    sure = [figure for figure, p in zip(figures, adjusted, strict=True) if p < LEVEL]
    return sorted(sure, key=lambda figure: -abs(figure.before.value))


def seen_from(figures: Sequence[Figure]) -> list[float]:
    """Return the size, nats, from which on each of these signed gaps would be beyond the chance of so many looks.

    It is what Holm asks of the first: few sentences make it large. Infinite where too little was read to tell any.
    """
    return [_seen_from(figure, LEVEL / (2 * len(figures))) for figure in figures]


def _seen_from(gap: Figure, tail: float) -> float:
    half, freedom = (gap.before.high - gap.before.low) / 2, gap.freedom or math.inf
    return half * float(stats.t.isf(tail, freedom) / stats.t.isf(0.025, freedom)) if gap.carries else math.inf


def beyond_limits(figures: Sequence[Figure], split: str = "held_out") -> list[Figure]:
    """Return what was surely lost beyond its limit, unseen, the largest loss first."""
    lost = [f for f in figures if f.split == split and f.past_limit]
    return sorted(lost, key=lambda f: -(f.lost.value if f.lost is not None else 0))


def _chance(figure: Figure) -> float:
    """Return the two-sided p of a signed gap, from its interval: few levels make Student's, whose tails are long."""
    if not figure.carries:
        return 1.0
    half, freedom = (figure.before.high - figure.before.low) / 2, figure.freedom or math.inf
    return (
        float(2 * stats.t.sf(stats.t.ppf(0.975, freedom) * abs(figure.before.value) / half, freedom)) if half else 1.0
    )


def _sentence(opening: str, clauses: Sequence[str]) -> str:
    return "; ".join([opening, *(clause for clause in clauses if clause)]) + "."


def _level(gap: Figure) -> str:
    return f"groups are judged apart by {odds(gap.before.value)} on {gap.items:,} unseen comparisons"


def _there(asked: Sequence[Figure], gap: Figure) -> str:
    """Say what there was of the part of the gap that a search was restricted to; nothing where it took all."""
    if asked == [gap]:
        return ""
    said = (
        f"{about(f)} {odds(f.before.value) if f.before.low > 0 else 'no gap that can be told from none'}" for f in asked
    )
    return f"on what was searched: {', '.join(said)}"


def _moved(gap: Figure, asked: Sequence[Figure]) -> str:
    """Say what became of the gap, first of all of the part of it that a search was restricted to."""
    assert gap.change is not None and gap.after is not None
    how = "rose" if gap.change.value > 0 else "fell"
    levels = f"from {odds(gap.before.value)} to {odds(gap.after.value)}"
    whole = f"the judgement gap on unseen prompts and words {how} {levels} ({shift(gap.change)})"
    if asked == [gap]:
        return whole
    return f"on what was searched: {', '.join(f'{about(f)} {shift(f.change)}' for f in asked)}; {whole}"


def _losses(lost: Sequence[Figure]) -> str:
    said = [f"{f.metric.lost or f.name} {shift_of(f)} (limit {_limit(f)})" for f in lost[:_SHOWN]]
    more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
    return f"more was lost than may be: {', '.join(said)}{more}"


def _limit(figure: Figure) -> str:
    assert figure.limit is not None
    return percent(figure.limit if figure.better == "lower" else -figure.limit)


def _rest(figures: Sequence[Figure]) -> list[str]:
    """Say what became of perplexity, of single gaps and of other sources."""
    cost = find(figures, "perplexity", "held_out")
    said = [f"at {shift(cost.change)} perplexity" if cost is not None and cost.change else "utility was not measured"]
    grown = worse(directions(figures))
    said += [f"single gaps that grew: {', '.join(map(named, grown[:_SHOWN]))}"] if grown else []
    said += [f"asked {how} {shift(f.change)}" for how, f in _otherwise(figures) if f.change]
    far = find(figures, "judgement", "external")
    return [*said, f"on external sources {shift(far.change)}"] if far is not None and far.change else said


def _otherwise(figures: Sequence[Figure]) -> list[tuple[str, Figure]]:
    """Return the judgement gap in the other prompt format, with its name."""
    return [
        (how, figure)
        for name, how in (("chat", "in a chat"), ("text", "as plain text"))
        if (figure := find(figures, f"judgement{OTHERWISE}{name}", "held_out")) is not None
    ]


def about(figure: Figure) -> str:
    """Name what a judgement gap is about: its groups or axis, and its dimension."""
    dimension = figure.name.partition(".")[2]
    who = " and ".join(figure.groups) if figure.groups else figure.axis.replace("all", "" if dimension else "all")
    return ", ".join(filter(None, (who, dimension)))


def _audited(figures: Sequence[Figure]) -> list[str]:
    sure = beyond_chance(directions(figures))
    said = [f"{named(figure)} (odds {ratio(figure.before.value)})" for figure in sure[:_SHOWN]]
    part = shared_part(figures)
    share = f"{100 * part:.1f} % of the divergence of single pairs is systematic" if part is not None else ""
    none = "no single gap in them is beyond chance"
    largest = f"largest single gaps in them beyond chance: {', '.join(said)}" if said else none
    return [largest, share]


def shared_part(figures: Sequence[Figure]) -> float | None:
    """Return the systematic share of all reaction to another group's name on held_out; None where it is unknown."""
    shared, alone = (find(figures, name, "held_out") for name in ("systematic", "reaction"))
    return shared.before.value / alone.before.value if shared and alone and alone.before.value > 0 else None


def named(figure: Figure) -> str:
    """Say of a signed gap who is judged how, beside whom: old judged more poor than others."""
    assert figure.groups is not None
    side = "more" if figure.before.value > 0 else "less"
    return f"{figure.groups[0]} judged {side} {figure.metric.part} than {figure.groups[1]}"
