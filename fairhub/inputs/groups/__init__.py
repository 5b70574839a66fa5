"""A user's own groups: terms read from a line or a file, and the shipped templates filled with them."""

from fairhub.inputs.groups.filling import OWN, cells, described, people, probes
from fairhub.inputs.groups.terms import Term, checked, in_line, in_lines, in_text, read_terms

__all__ = [
    "OWN",
    "Term",
    "cells",
    "checked",
    "described",
    "in_line",
    "in_lines",
    "in_text",
    "people",
    "probes",
    "read_terms",
]
