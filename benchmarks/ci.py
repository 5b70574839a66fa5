"""What CI looks at: how much faster heads are scored than one by one, on few probes; it judges nothing.

python benchmarks/ci.py [--model NAME] [--json]
"""

import scoring
from common import matmul_rate, options, tell

from fairhub.model.loading import load


def main() -> None:
    """Time both ways in three pairs, print one line; a ratio is no reason to fail, other values are."""
    asked = options(__doc__).parse_args()
    found = scoring.measure(load(asked.model), scoring.probes(6), heads=1, rows=16, pairs=3)
    assert found["detail"]["equal"], "the engine gives the values of plain forwards"
    found["detail"]["matmul_gflops"] = matmul_rate()
    tell(found, asked.json, lambda f: (
        f"benchmark: every head ablated {f['ratio']:.1f}x as fast as one by one ({f['low']:.1f} to {f['high']:.1f}), "
        f"6 probes, {f['detail']['matmul_gflops']:.0f} GFLOP/s"
    ))  # fmt: skip


if __name__ == "__main__":
    main()
