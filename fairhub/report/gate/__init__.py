"""A gate for pipelines: limits on figures of an audit, whether each held, and the files that say so."""

from fairhub.report.gate.checks import Check, Gate, gate_of
from fairhub.report.gate.junit import junit
from fairhub.report.gate.limits import Limit, limits_of
from fairhub.report.gate.sarif import sarif

__all__ = ["Check", "Gate", "Limit", "gate_of", "junit", "limits_of", "sarif"]
