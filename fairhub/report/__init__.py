"""Before, after and how: the one record of a run, its file, its verdict and its words."""

from fairhub.report.audit import Audit
from fairhub.report.audited import audit_table
from fairhub.report.document import markdown
from fairhub.report.record import SCHEMA, SPLITS, Control, Figure, Report, find, headline, is_public, searched_axes
from fairhub.report.storage import from_json, read, to_json, write
from fairhub.report.terminal import table
from fairhub.report.verdict import verdict

__all__ = [
    "SCHEMA",
    "SPLITS",
    "Audit",
    "Control",
    "Figure",
    "Report",
    "audit_table",
    "find",
    "from_json",
    "headline",
    "is_public",
    "markdown",
    "read",
    "searched_axes",
    "table",
    "to_json",
    "verdict",
    "write",
]
