"""Reports and audits as a notebook shows them: a verdict and a few rows of HTML, in which no text can act as markup."""

from collections.abc import Iterable, Iterator, Sequence

from fairhub.report.metrics import METRICS, Metric
from fairhub.report.page.markup import esc
from fairhub.report.record import Figure, Report, find
from fairhub.report.verdict import verdict
from fairhub.report.wording import direction, level, named, shift_of


def report_html(report: Report) -> str:
    """Return a report: its verdict, and before, after and change of what it is about."""
    title = f"{report.base_model.get('id', 'a model')}: {named(report)}, seed {report.seed}"
    rows = (
        (said, level(f, f.before), level(f, f.after), shift_of(f), f.outcome, direction(f))
        for said, f in _main(report.figures)
    )
    head = ("figure", "before", "after", "change", "reading", "")
    return _block(title, report.verdict, head, rows)


def audit_html(model: str, figures: Sequence[Figure]) -> str:
    """Return an audit: what it says in one sentence, and the levels of what it is about, by axis too."""
    axes = [f for f in figures if (f.name, f.split, f.context, f.groups) == ("judgement", "held_out", "all", None)]
    shown = [*_main(figures), *((f"judgement, {f.axis}", f) for f in axes if f.axis != "all")]
    rows = ((said, level(f, f.before), f"{f.items:,}", direction(f)) for said, f in shown)
    return _block(f"{model}: audit", verdict(figures), ("figure", "value [95 % interval]", "items", ""), rows)


def _main(figures: Sequence[Figure]) -> Iterator[tuple[str, Figure]]:
    """Yield what a report is about, in the words of its metrics; what was not measured is left out."""
    declared: Iterable[tuple[Metric, str, str]] = ((m, *words) for m in METRICS for words in m.headline.items())
    for metric, split, said in declared:
        if (figure := find(figures, metric.name, split, metric.axis)) is not None:
            yield said, figure


def _block(title: str, said: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"<tr>{''.join(f'<td>{esc(cell)}</td>' for cell in row)}</tr>" for row in rows]
    top = f"<thead><tr>{''.join(f'<th>{esc(cell)}</th>' for cell in head)}</tr></thead>"
    table = f"<table>{top}<tbody>{''.join(lines)}</tbody></table>" if lines else ""
    return f"<div><p><b>{esc(title)}</b></p><p>{esc(said)}</p>{table}</div>"
