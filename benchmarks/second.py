"""Any other model: the default repair and a few methods beside it, and a dated row for docs/results.md."""

import argparse
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from fairhub.report import Report, read
from fairhub.report.markup import safe
from fairhub.report.wording import shift

RESULTS = Path(__file__).parent.parent / "docs" / "results.md"
BEGIN, END = "<!-- other models -->", "<!-- /other models -->"
HEAD = (
    "| date | commit | model | method | verdict | judgement, held_out | HolisticBias | merit | meaning | recall | "
    "perplexity |\n|---|---|---|---|---|---|---|---|---|---|---|"
)
_COLUMNS = (
    ("judgement", "held_out"), ("judgement", "external"), ("merit", "held_out"), ("meaning", "held_out"),
    ("recall", "held_out"), ("perplexity", "held_out"),
)  # fmt: skip


def row(report: Report, commit: str, date: str) -> str:
    """Return the row of a run: what became of who is judged worse, and what it cost."""
    figures = (report.figure(*place) if _there(report, *place) else None for place in _COLUMNS)
    cells = (shift(figure.change) if figure else "-" for figure in figures)
    name = Path(str(report.base_model["id"])).name if report.base_model["revision"] == "local" else None
    model = safe(name or str(report.base_model["id"]))
    word = report.verdict.partition(":")[0].partition(";")[0]
    return "| " + " | ".join((date, commit, model, f"`{report.method}`", word, *cells)) + " |"


def _there(report: Report, name: str, split: str) -> bool:
    return any((f.name, f.split, f.axis, f.context) == (name, split, "all", "all") for f in report.figures)


def with_rows(page: str, rows: list[str]) -> str:
    """Return the page with rows added to its table of other models, which is begun where there is none."""
    if BEGIN not in page:
        return f"{page.rstrip()}\n\n## Other models\n{BEGIN}\n{HEAD}\n" + "\n".join(rows) + f"\n{END}\n"
    return page.replace(f"\n{END}", "\n" + "\n".join(rows) + f"\n{END}")


def main() -> None:
    """Audit, repair and compare; each is resumed where it was stopped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="Hub id or folder")
    parser.add_argument("--methods", default="two_sided,robust", help="methods to compare, the default one first")
    asked = parser.parse_args()
    folder = Path("runs") / "second" / re.sub(r"\W+", "-", asked.model).strip("-").lower()
    line = [sys.executable, "-m", "fairhub"]
    subprocess.run([*line, "audit", asked.model], check=True)
    subprocess.run([*line, "compare", asked.model, "--methods", asked.methods, "--out", str(folder)], check=True)
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    date = datetime.now(UTC).date().isoformat()
    reports = [read(folder / method / "report.json") for method in asked.methods.split(",")]
    rows = [row(report, said.stdout.strip(), date) for report in reports]
    RESULTS.write_text(with_rows(RESULTS.read_text(encoding="utf-8"), rows), encoding="utf-8")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
