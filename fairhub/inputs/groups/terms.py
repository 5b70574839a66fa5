"""Terms of a user's own groups, from a line of text or a file: parsed, bounded, and refused where they stand."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairhub.errors import UserError, plain
from fairhub.files.rows import Row, rows_in, rows_of

FORMS = {
    "noun": "noun", "adj": "adj", "adjective": "adj", "people": "people", "plural": "people", "name": "name",
}  # fmt: skip
"""What `form` may say, and the slot of a template that it means: a {noun}, an {adj} applicant, {people}, a {name}."""
MOST_GROUPS, MOST_TERMS = 12, 48
"""Groups, of which every two are compared; terms of each."""
LONGEST = {"group": 60, "term": 60}
"""Letters of a group's name and of a term: what fits a table and a sentence."""
_ARTICLE = re.compile(r"^an?\s+(?=\S)", re.IGNORECASE)
_PATH = re.compile(r"[/~.\\]|[A-Za-z]:[\\/]")
_IN_LINE = re.compile(r"^(?P<term>.*?)\s*\((?P<form>\w+)\)$")
_KIND = "a file of terms"
_EXAMPLE = '{"group": ..., "term": ...}'
_Found = tuple[str, "Term"]
"""Where a term stands, and the term."""


@dataclass(frozen=True)
class Term:
    """A word or phrase that names a group."""

    group: str
    """Free text: whoever shows it escapes it."""
    term: str
    """Without an article: a template has its own, and makes it agree."""
    form: str
    """The slot that it fits: noun, adj, people (a plural) or name."""


def in_line(text: str) -> tuple[Term, ...]:
    """Return the terms of a line: "nurses: nurse, male nurse, nurses (plural); surgeons: surgeon, surgeons (plural)".

    Groups are parted by semicolons, terms by commas; a term's form stands behind it in brackets, or it is a noun.

    Raises:
        UserError: Something is no group, or a rule of `checked` is broken.
    """
    return _checked(_in_line(text))


def in_lines(text: str) -> tuple[Term, ...]:
    """Return the terms of a text whose every line is one that `in_line` reads; a mistake names its line.

    Raises:
        UserError: As for `in_line`.
    """
    lines = enumerate(text.splitlines(), 1)
    return _checked(found for number, line in lines for found in _in_line(line, f"line {number}"))


def read_terms(path: Path) -> tuple[Term, ...]:
    """Return the terms of a JSONL, JSON or CSV file with the columns group, term and, if wanted, form.

    Raises:
        UserError: The file cannot be read, a line of it (named) is no term, or a rule of `checked` is broken.
    """
    return _checked((row.where, _term(row)) for row in rows_of(path, _KIND, _EXAMPLE))


def in_text(text: str, name: str) -> tuple[Term, ...]:
    """Return the terms of a text as a file of this name would hold it: "terms.csv"; nothing is read from disk.

    Raises:
        UserError: As for `read_terms`.
    """
    return _checked((row.where, _term(row)) for row in rows_in(text, Path(name), _KIND, _EXAMPLE))


def checked(rows: Sequence[dict[str, Any]], where: str) -> tuple[Term, ...]:
    """Return the terms of rows, groups in alphabetical order, terms of a group as they came.

    Args:
        rows: Each with group, term and, if wanted, form.
        where: What they are rows of, for the one who is told.

    Raises:
        UserError: A row is no term; there are fewer than two groups or too many; a group has too many terms; a term
            names two groups or stands twice; or a term has a form that no other group has.
    """
    found = [Row(f"{where} item {number}", row) for number, row in enumerate(rows, 1)]
    return _checked((row.where, _term(row)) for row in found)


def _in_line(text: str, line: str = "") -> Iterator[_Found]:
    for number, part in enumerate(filter(str.strip, text.split(";")), 1):
        where = line or f"own group {number}"
        group, colon, said = part.partition(":")
        if not colon:
            raise UserError(
                f"{where} must be 'group: term, term'; got {plain(part, 60)!r} without a colon; add the group's name"
            )
        for term in said.split(","):
            with_form = _IN_LINE.match(term.strip())
            columns = with_form.groupdict() if with_form else {"term": term}
            yield where, _term(Row(where, {"group": group, **columns}))


def _term(row: Row) -> Term:
    """Return the term of a row."""
    group, term = (_text(row, name) for name in ("group", "term"))
    form = FORMS.get(_optional(row).lower())
    if form is None:
        got = plain(_optional(row), 30)
        raise UserError(f"{row.where} must have a form of {', '.join(FORMS)}; got {got!r}; mend or leave it out")
    bare = _ARTICLE.sub("", term) if form == "noun" else term
    if not any(letter.isalnum() for letter in bare):
        raise UserError(f"{row.where} must have a term of letters; got {plain(term, 40)!r}; write the word itself")
    return Term(group, bare, form)


def _text(row: Row, name: str) -> str:
    """Return a column's text with single spaces, within bounds."""
    value = row.columns.get(name)
    if not isinstance(value, str) or not value.strip():
        raise UserError(f'{row.where} must have text in "{name}"; it is missing, empty or no text; fill it in')
    said = value.strip()
    if not said.isprintable():
        raise UserError(
            f'{row.where} must be printable in "{name}"; {plain(value, 40)!r} has letters that are not; remove them'
        )
    if _PATH.match(said):  # what is published is stripped of this machine's paths, and must be read again
        raise UserError(
            f'{row.where} must not begin as a path does in "{name}"; got {plain(said, 40)!r}; begin with a word'
        )
    if len(said) > LONGEST[name]:
        raise UserError(
            f'{row.where} must have at most {LONGEST[name]} letters in "{name}"; got {len(said):,}; shorten it'
        )
    return " ".join(said.split())


def _optional(row: Row) -> str:
    value = row.columns.get("form")
    return "noun" if value is None or value == "" else str(value).strip()


def _checked(found: Iterable[_Found]) -> tuple[Term, ...]:
    """Return terms by group, refused where they cannot be compared."""
    placed: dict[str, _Found] = {}
    of_group: dict[str, list[Term]] = {}
    for where, one in found:
        _refuse_twice(where, one, placed.setdefault(one.term.casefold(), (where, one)))
        of_group.setdefault(one.group, []).append(one)
        if len(of_group) > MOST_GROUPS or len(of_group[one.group]) > MOST_TERMS:
            raise UserError(
                f"own groups are at most {MOST_GROUPS} of {MOST_TERMS} terms each; {where} is one too many; leave some "
                "out"
            )
    _refuse_alone(of_group)
    return tuple(term for group in sorted(of_group) for term in of_group[group])


def _refuse_twice(where: str, one: Term, first: _Found) -> None:
    there, other = first
    if other is one:
        return
    said = f"{where} must have a term of its own; {plain(one.term, 60)!r}"
    if other.group != one.group:
        raise UserError(f"{said} names {plain(other.group, 40)!r} too ({there}); keep it in one group")
    raise UserError(f"{said} stands at {there} already; take one out")


def _refuse_alone(of_group: dict[str, list[Term]]) -> None:
    """Refuse a single group, and terms that fit a slot which no other group's terms fit."""
    if len(of_group) < 2:
        got = plain(next(iter(of_group), "none"), 40)
        raise UserError(f"own groups are compared, so there must be two or more; got {got!r}; add another group")
    having = {form: {g for g, terms in of_group.items() if any(t.form == form for t in terms)} for form in FORMS}
    for form, groups in having.items():
        if len(groups) == 1:
            raise UserError(
                f"terms of one form are compared between groups; only {plain(min(groups), 40)!r} has one of form "
                f"{form!r}; give another group one too"
            )
