"""Every benchmark, one after the other: prints the table of what was reached and missed, writes RESULTS.md.

    python benchmarks/all.py [--only NAME,NAME] [--whole] [--results FILE]

Without `--whole` those run that are ratios of two ways on this machine, about 20 minutes on two cores; with it those
too that take long: whole repairs, and how far scores repeat themselves.

A script that fails is a row of its own, and the exit status is then 1; a target that is missed is only named.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import matmul_rate

HERE = Path(__file__).parent
FIRST = ("scoring", "first_order", "annealing", "surrogate", "repair", "memory", "gpu", "processes")
"""Those of the design's table of speeds, in its order; the others follow."""
LONG = ("repair", "reliability", "optipfair", "second", "one_shot", "labels", "searches", "heads")
"""Left to `--whole`."""
_NO_SCRIPTS = ("all", "common", "ci")


def main() -> int:
    """Run all that were asked for; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="scripts, separated by commas; all when left out")
    parser.add_argument("--whole", action="store_true", help="those that take long too")
    parser.add_argument("--results", type=Path, default=HERE / "RESULTS.md")
    asked = parser.parse_args()
    wanted = [name for name in asked.only.split(",") if name] or scripts(asked.whole)
    found = {}
    for name in wanted:
        print(f"{name} ...", file=sys.stderr, flush=True)
        found[name] = run(name)
        print(row(name, found[name]), flush=True)
    asked.results.write_text(results(found, machine()), encoding="utf-8")
    print(f"written to {asked.results}")
    return int(any("failed" in one for one in found.values()))


def scripts(whole: bool = True) -> list[str]:
    """Return the names of the scripts, those of the design's table first; of `whole` those of `LONG` too."""
    out = _NO_SCRIPTS if whole else (*_NO_SCRIPTS, *LONG)
    every = sorted(file.stem for file in HERE.glob("*.py") if file.stem not in out)
    return [*(name for name in FIRST if name in every), *(name for name in every if name not in FIRST)]


def run(name: str) -> dict[str, Any]:
    """Return the object that a script prints, or `failed` with the last line of what it said."""
    done = subprocess.run(
        [sys.executable, str(HERE / f"{name}.py"), "--json"], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip
    try:
        return dict(json.loads(done.stdout.strip().splitlines()[-1]))
    except (IndexError, ValueError):
        return {"failed": (done.stderr.strip().splitlines() or ["said nothing"])[-1][:200]}


def row(name: str, found: Mapping[str, Any]) -> str:
    """Return one line of the table: what, found, to reach, and the outcome."""
    if "failed" in found:
        return f"| {name} | | | failed: {found['failed']} |"
    value = found.get("ratio", found.get("value"))
    shown = "" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
    reach = found.get("reach")
    if "low" in found:
        shown += f" ({found['low']:,.3g} to {found['high']:,.3g})"
    return f"| {found['name']} (`{name}.py`) | {shown} | {'' if reach is None else f'{reach:g}'} | {outcome(found)} |"


def outcome(found: Mapping[str, Any]) -> str:
    """Say whether a target was reached, missed, or why it was not measured."""
    if found.get("reached") is None:
        return found.get("detail", {}).get("why", "no target here")
    return "reached" if found["reached"] else "**missed**"


def results(found: Mapping[str, Mapping[str, Any]], where: Sequence[str]) -> str:
    """Return RESULTS.md: the table, the machine and the date, and what each script measured."""
    lines = ["# The last run of `make bench`", "", *where, "", "| what | found | reach | |", "|---|---|---|---|"]
    lines += [row(name, one) for name, one in found.items()]
    missed = [name for name, one in found.items() if one.get("reached") is False]
    lines += ["", f"Missed: {', '.join(missed) if missed else 'nothing that was measured'}.", ""]
    for name, one in found.items():
        if "detail" in one:
            lines += [f"## {name}", "", "```json", json.dumps(one["detail"], indent=1), "```", ""]
    return "\n".join(lines)


def machine() -> list[str]:
    """Say where and when: processor, cores, memory, versions, date."""
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "transformers", "numpy"))
    load = os.getloadavg()[0]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=HERE).stdout
    return [
        f"{datetime.now(UTC):%d %B %Y}, {platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), "
        f"{os.cpu_count()} cores, {memory:.0f} GB, {card}; {versions}; commit {commit.strip() or 'unknown'}; "
        f"float32 products of 2,048 at {matmul_rate():.0f} GFLOP/s; "
        f"load of the machine at the end {load:.1f} (above its cores: times are too long)."
    ]


if __name__ == "__main__":
    sys.exit(main())
