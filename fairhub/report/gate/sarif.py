"""A gate as SARIF 2.1.0, the format in which code hosts show findings: a rule a metric, a result a broken limit."""

import json
from typing import Any
from urllib.parse import quote

from fairhub.errors import plain
from fairhub.report.gate.checks import Check, Gate

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_MOST = 400


def sarif(gate: Gate, version: str) -> bytes:
    """Return the file, UTF-8 JSON without control characters.

    Args:
        gate: What was checked.
        version: Of this fairhub.
    """
    metrics = {check.limit.metric: check.limit.declared for check in gate.checks}
    rules = [
        {
            "id": name, "shortDescription": {"text": name}, "fullDescription": {"text": metric.words},
            "help": {"text": f"{metric.better} is better"},
        }
        for name, metric in metrics.items()
    ]  # fmt: skip
    places = {name: place for place, name in enumerate(metrics)}
    run = {
        "tool": {"driver": {"name": "fairhub", "version": version, "rules": rules}},
        "results": [_result(gate, check, places[check.limit.metric]) for check in gate.broken],
    }
    return (json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n").encode()


def _result(gate: Gate, check: Check, rule: int) -> dict[str, Any]:
    """Return one finding; code hosts show only those with a file, for which the model's name stands."""
    model = plain(gate.model)
    return {
        "ruleId": check.limit.metric, "ruleIndex": rule, "level": "error",
        "message": {"text": plain(check.said, _MOST)},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": quote(model)}, "region": {"startLine": 1}},
            "logicalLocations": [{"name": model, "kind": "module"}],
        }],
        "partialFingerprints": {"limit/v1": f"{check.limit.side} {check.limit.place}"},
    }  # fmt: skip
