"""Before, after and how: the one record of a run, its file, its verdict and its words."""

from fairhub.report.document import markdown
from fairhub.report.judgement import verdict
from fairhub.report.record import SCHEMA, SPLITS, Control, Figure, Report, find, searched_axes
from fairhub.report.storage import from_json, read, to_json, write
from fairhub.report.terminal import table

__all__ = [
    "SCHEMA",
    "SPLITS",
    "Control",
    "Figure",
    "Report",
    "find",
    "from_json",
    "markdown",
    "read",
    "searched_axes",
    "table",
    "to_json",
    "verdict",
    "write",
]
