"""An audit to text and back, whole: so that what was found once is shown again as it was."""

import json
from dataclasses import asdict, replace
from typing import Any

from fairhub.files.reading import parsed
from fairhub.report.audit import Audit
from fairhub.report.evidence import Brought, Evidence, Example
from fairhub.report.findings import UNSEEN
from fairhub.report.record import Report, is_public
from fairhub.report.storage import figures_of


def to_json(audit: Audit) -> str:
    """Write an audit as JSON, for `from_json`."""
    return json.dumps(asdict(audit), ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Audit:
    """Read an audit.

    Raises:
        UserError: The text is no JSON, or a figure lacks something.
    """
    told = parsed(text, "an audit")
    evidence = told["evidence"]
    return Audit(
        told["model"], told["revision"], figures_of(told["figures"], "figures"), tuple(told["notes"]),
        Evidence(
            tuple(Example(**_paired(one, ("groups", "texts", "odds", "shares"))) for one in evidence["examples"]),
            tuple(Brought(**_paired(one, ("groups",))) for one in evidence["brought"]),
        ),
    )  # fmt: skip


def before(report: Report) -> Audit:
    """Return what a report says of its base model, as an audit of it: whoever repairs a model has audited it.

    Pairs of texts are none: a report keeps figures, and the words that groups' names bring.
    """
    shown = (f for f in report.figures if f.change is not None and (f.split in UNSEEN or is_public(f)))
    figures = tuple(replace(figure, after=None, change=None) for figure in shown)
    base = report.base_model
    brought = tuple(Brought(**_paired(one, ("groups",))) for one in report.brought or ())
    return Audit(str(base["id"]), str(base["revision"]), figures, (), Evidence((), brought))


def _paired(one: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return a record whose lists of these names are pairs."""
    return one | {name: (one[name][0], one[name][1]) for name in names}
