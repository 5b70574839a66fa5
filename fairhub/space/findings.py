"""What an audit found, as the Space shows it: what was known before, what a part of it says, and the whole."""

from pathlib import Path

from fairhub import report as records
from fairhub.report import Audit
from fairhub.report.audit_file import from_json
from fairhub.report.page import LIMITS
from fairhub.request import Request
from fairhub.space import audits, sharing
from fairhub.space.forecasting import spoken
from fairhub.space.gallery_tab import finished
from fairhub.space.markup import esc
from fairhub.space.shared import Shared
from fairhub.space.worker import AUDIT, FOUND

NOW = "Measured here just now, whole."
BEFORE = "Measured here before, whole, of the same model by the same fairhub."
COMING = "<p>What is found stands here: a first look, then the whole.</p>"
_EXTERNAL = "A first look, no more: only the sentences that other people wrote were read, not yet fairhub's own."
_THIRD = "A first look, no more: a third of the sentences were read. It shows the largest differences alone."
_WHOLE = "Who is judged worse was read whole. What the model knows and keeps is still to be read."
_AS_LONG = (6.0, 1.7)
"""How long the rest takes after each, as a multiple of the time until then: of the default on two CPU cores."""


def finding(audit: Audit, note: str, address: str = "") -> str:
    """Return an audit as HTML: what its page shows, below a line on where it comes from.

    Args:
        audit: What was found.
        note: Where it comes from, and how much of an audit it is.
        address: What opens it, for who wants to pass it on; empty where nothing does.
    """
    return (
        f'<article class="fh-audit"><p class="from" role="status">{esc(note)}</p>{sharing.bar(audit, address)}'
        f'{audit.inside()}<p class="note">{esc(LIMITS)}</p></article>'
    )


def opening(shared: Shared, source: str | None, request: Request | None = None, address: str = "") -> str:
    """Return what is known of a model before anything is measured: kept audits first, then what the gallery says."""
    if (kept := audits.known(source, request or audits.asked())) is not None:
        return finding(kept, BEFORE, address)
    runs = [records.read(folder / "report.json") for folder in finished(shared.gallery).values()]
    found = audits.of_gallery(runs, source) if request is None or not (request.own or request.probes) else None
    if found is None:
        return COMING
    audit, run = found
    when = f"measured on {run.created[:10]}, by fairhub {run.fairhub}, before the repair that the gallery shows"
    return finding(audit, f"Shipped with fairhub: {when}. Audit measures it here.", address)


def whole(job: Path, address: str) -> str:
    """Return what the finished audit of a job found."""
    return finding(from_json((job / AUDIT).read_text()), NOW, address)


def looks(job: Path) -> int:
    """Return how many looks of a job are done."""
    return sum((job / name).is_file() for name in FOUND)


def part(job: Path, count: int, rest: float, going: bool, address: str) -> str:
    """Return what a job found before it is whole: what was read of the audit, and how the rest is had.

    Args:
        job: The audit's folder.
        count: How many looks are done, at least one.
        rest: Seconds that are left.
        going: Whether it goes on by itself.
        address: What opens it.
    """
    more = (
        f"The whole audit is under way and takes this one's place, in about {spoken(rest)}."
        if going
        else f"The rest was not read: Finish the audit does, in about {spoken(rest)}."
    )
    found = from_json((job / FOUND[count - 1]).read_text())
    return finding(found, f"{_read(found, count)} {more}", address)


def _read(found: Audit, count: int) -> str:
    """Return what was read until now."""
    first = _EXTERNAL if any(figure.split == "external" for figure in found.figures) else _THIRD
    return _WHOLE if count > 1 else first


def all_of_it(count: int, seconds: float) -> float:
    """Return about how many seconds an audit takes whole, from those that its looks took."""
    return seconds * (1 + _AS_LONG[count - 1])
