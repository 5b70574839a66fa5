"""The default repair from beginning to end: minutes, and what `fairhub plan` had forecast.

python benchmarks/repair.py [--model NAME] [--method NAME] [--device cpu|cuda] [--json]
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from common import matmul_rate, options, tell

from fairhub.cost.plan import forecast
from fairhub.defaults import METHOD
from fairhub.model.loading import load
from fairhub.pipeline import repair
from fairhub.request import Request

REACH = 10.0


def main() -> None:
    """Forecast and run it, print one object."""
    parser = options(__doc__)
    parser.add_argument("--method", default=METHOD)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked = parser.parse_args()
    found = measure(asked.model, Request(method=asked.method), asked.device)
    tell(found, asked.json, lambda f: (
        f"a repair took {f['value']:.1f} minutes (reach {REACH:g}); forecast {f['detail']['forecast_minutes']:.1f}"
    ))  # fmt: skip


def measure(model: str | None, request: Request, device: str = "cpu") -> dict[str, Any]:
    """Return the benchmark's object: name, value (minutes), reach, reached, detail."""
    planned = next(
        row for row in forecast(model, request, device, None).rows
        if row.method == request.method and row.machine == "this machine"
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        made = repair(load(model, device=device), request, Path(folder) / "run")
    minutes, forwards = made.cost["seconds"] / 60, made.cost["forward_equivalents"]
    return {
        "name": "default repair, minutes", "value": minutes, "reach": REACH, "reached": minutes <= REACH,
        "detail": {
            "model": made.base_model["id"], "method": request.method,
            "device": made.cost["device"], "cores": os.cpu_count(), "matmul_gflops": matmul_rate(),
            "forecast_minutes": (planned.seconds or 0.0) / 60, "forward_equivalents": forwards,
            "forecast_forward_equivalents": planned.forward_equivalents, "peak_bytes": made.cost["peak_bytes"],
            "forecast_bytes": planned.bytes + planned.host_bytes, "units": len(made.pruning),
        },
    }  # fmt: skip


if __name__ == "__main__":
    main()
