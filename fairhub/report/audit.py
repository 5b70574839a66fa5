"""An audit as a value: what was measured of which model, looked up by name, and shown on terminals and in notebooks."""

from dataclasses import dataclass

from fairhub.report.audited import audit_table
from fairhub.report.brief import brief
from fairhub.report.evidence import NOTHING, Evidence
from fairhub.report.findings import Findings, findings
from fairhub.report.notebook import audit_html
from fairhub.report.page import page, question, sections
from fairhub.report.record import Figure, located
from fairhub.report.verdict import verdict


@dataclass(frozen=True)
class Audit:
    """What a model was measured to be; nothing of it was changed."""

    model: str
    """Its id: what was loaded, or the name that a model in memory goes by."""
    revision: str
    """A commit of the Hub, `local` for a folder, `memory` for a model that was given as it stood in memory."""
    figures: tuple[Figure, ...]
    """In `before`; `after` and `change` are None."""
    notes: tuple[str, ...] = ()
    """On public benchmarks: of which no rows were found."""
    evidence: Evidence = NOTHING
    """Examples, and the words that groups' names bring."""

    @property
    def verdict(self) -> str:
        """One plain sentence: who is judged worse."""
        return verdict(self.figures)

    def figure(self, name: str, split: str = "held_out", axis: str = "all", context: str = "all") -> Figure:
        """Return the figure of that name and place; its number is `before.value`, in `unit`, its interval beside it.

        Raises:
            KeyError: It was not measured; the message says where it was.
        """
        return located(self.figures, name, split, axis, context)

    def findings(self) -> Findings:
        """Return who is judged worse beyond chance, what names bring, what is mere reaction, what the model knows."""
        return findings(self.figures, self.evidence)

    def brief(self) -> str:
        """Return the findings in a few lines, as the command line prints them."""
        return brief(self.model, self.figures, self.evidence, self.notes)

    def html(self) -> str:
        """Return the findings as one page for a browser, whole in itself, as `--html` writes it."""
        return page(self.model, self.revision, self.figures, self.evidence, self.notes)

    def inside(self) -> str:
        """Return what that page shows, as HTML that another page can hold; `page.style.within` has its style."""
        return f"<h2>{question(self.model)}</h2>{sections(self.figures, self.evidence)}"

    def table(self) -> str:
        """Return every figure as plain text, as the command line prints it with `--verbose`."""
        return audit_table(self.figures, self.notes)

    def __str__(self) -> str:
        """Return the table."""
        return self.table()

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return audit_html(self.inside())
