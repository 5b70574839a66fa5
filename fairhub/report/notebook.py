"""Reports and audits as a notebook shows them: HTML in which no text can act as markup."""

from collections.abc import Iterable, Iterator, Sequence

from fairhub.report.metrics import METRICS, Metric
from fairhub.report.page import LIMITS
from fairhub.report.page.markup import esc
from fairhub.report.page.style import within
from fairhub.report.record import Figure, Report, find
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


def audit_html(inside: str) -> str:
    """Return an audit as its page shows it, with the page's style, in the notebook's own light.

    Args:
        inside: What `Audit.inside` returned.
    """
    return (
        f'<style>{within(f".{_LOOK}", _DARK)}</style><div class="{_LOOK}" style="color: var(--ink); '
        f'background: var(--paper); padding: 0 1rem 1rem">{inside}<p class="note">{esc(LIMITS)}</p></div>'
    )


_LOOK = "fairhub-audit"
_DARK = ':is([data-jp-theme-light="false"], .vscode-dark, [theme="dark"])'
"""What Jupyter, VS Code and Colab put around a page that is dark."""


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
