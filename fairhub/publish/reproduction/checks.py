"""What a check found, and the table of all checks that a stranger reads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from fairhub.errors import plain

Verdict = Literal["same", "within tolerance", "different"]
_MAIN = "axis all, context all"
_UNCHECKED = "not checked: how the repair was searched for (its candidates, trace, reliability and cost), and the card"


@dataclass(frozen=True)
class Check:
    """One thing that was published, and what came out here."""

    what: str
    published: str
    found: str
    verdict: Verdict


def check(what: str, published: object, found: object, verdict: Verdict) -> Check:
    """Return a check whose words a terminal shows as they are: published ones may be anyone's."""
    return Check(plain(what, 200), plain(published, 60), plain(found, 60), verdict)


def equal(what: str, same: bool, published: object = "", found: object = "") -> Check:
    """Return a check of what is either the same or not."""
    return check(what, published, found, "same" if same else "different")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the furthest from the same."""
    order: tuple[Verdict, ...] = get_args(Verdict)
    return max(verdicts, key=order.index, default="same")


def agrees(checks: Iterable[Check]) -> bool:
    """Whether nothing came out different."""
    return all(check.verdict != "different" for check in checks)


def table(checks: Sequence[Check]) -> str:
    """Return what a stranger reads: the model, the main figures, all that differs, and how many agree."""
    shown = [c for c in checks if c.verdict == "different" or "axis" not in c.what or _MAIN in c.what]
    wide = max(len(check.what) for check in shown)
    lines = [f"{c.what:<{wide}}  {c.published:>14}  {c.found:>20}  {c.verdict}" for c in shown]
    counts = {verdict: sum(c.verdict == verdict for c in checks) for verdict in get_args(Verdict)}
    total = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    head = f"{'':<{wide}}  {'published':>14}  {'here':>20}"
    end = "reproduced" if agrees(checks) else "NOT reproduced"
    return "\n".join([head, *lines, "", f"{end}: of {len(checks)} checks {total}", _UNCHECKED])
