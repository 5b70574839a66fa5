"""Published measurements item by item, held against those of the same items made here."""

from collections.abc import Iterator, Mapping

import numpy as np

from fairhub.publish.reproduction.checks import Check, Verdict, check, worst
from fairhub.publish.reproduction.tolerances import Tolerances

_SAME = 1e-9
Arrays = Mapping[str, np.ndarray]


def compared(published: Arrays, found: Arrays, quick: bool, most: Tolerances) -> Iterator[Check]:
    """Compare arrays of items.npz: labels letter by letter, numbers up to how machines round.

    Args:
        published: Of the record.
        found: Measured here.
        quick: Whether only a part was measured here, so that the record has more.
        most: How far they may lie apart.
    """
    for name in sorted(published.keys() | found.keys()):
        one, two = published.get(name), found.get(name)
        if two is None and quick:
            continue
        if one is None or two is None:
            there, here = ("none" if part is None else _count(part) for part in (one, two))
            yield check(f"items, {name}", there, here, "different")
            continue
        verdict, alike = _compared(one, two, most)
        yield check(f"items, {name}", _count(one), alike, verdict)


def _compared(one: np.ndarray, two: np.ndarray, most: Tolerances) -> tuple[Verdict, str]:
    if one.shape != two.shape or one.dtype.kind != two.dtype.kind:
        return "different", f"{_count(two)} others"
    if two.dtype.kind != "f":
        alike = one == two
        return ("same" if alike.all() else "different"), f"{int(alike.sum())} equal"
    rows = [_rows(a, b, limit) for a, b, limit in zip(one, two, (most.before, most.after), strict=True)]
    return worst(verdict for verdict, _ in rows), f"{min(count for _, count in rows)} equal"


def _rows(one: np.ndarray, two: np.ndarray, most: float) -> tuple[Verdict, int]:
    """Say how far a row lies from another, each item against its own size and that of all."""
    away, size = np.abs(one - two), np.abs(two) + np.abs(two).mean()
    equal = away <= _SAME * size
    verdict: Verdict = "same" if equal.all() else "within tolerance" if (away <= most * size).all() else "different"
    return verdict, int(equal.sum())


def _count(values: np.ndarray) -> str:
    return str(values.shape[-1] if values.ndim else 1)
