"""An audit as one page for a browser, whole in itself: nothing is fetched, no script runs, any text is only text."""

from fairhub.report.page.page import LIMITS, page, question, sections

__all__ = ["LIMITS", "page", "question", "sections"]
