"""A user's own probes: pairs of texts read from JSONL, JSON or CSV, checked line by line."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairhub.errors import UserError, plain
from fairhub.files.rows import Row, rows_of
from fairhub.inputs.probes.probe import Probe, split_of
from fairhub.inputs.sequences import common_beginning, common_end

REQUIRED = ("text_a", "text_b", "axis")
_PUBLIC_NAMES = {
    "prompt_1": "text_a",
    "prompt_2": "text_b",
    "attribute_1": "group_a",
    "attribute_2": "group_b",
    "category": "axis",
    "template_id": "template",
}
"""The columns of the public pair schema, and what they are called here."""

_LONGEST = 20_000
"""Letters of a text: more than any context window that is measured here holds of one."""
_FREE = ("text_a", "text_b", "prompt_1", "prompt_2", "template", "frame", "template_id")
_TOKEN = re.compile(r"\w+(?:['’-]\w+)*|\s+|[^\w\s]")
_ARTICLE = re.compile(r"\b([Aa])n?(\s+)$")


@dataclass(frozen=True)
class Difference:
    """How two texts differ: one span of each, between what they share."""

    before: str
    """What both begin with, up to a whole word; an article before the span reads "a", whichever it was."""
    a: str
    b: str
    after: str

    @property
    def template(self) -> str:
        """The text with "{}" where the two differ."""
        return f"{self.before}{{}}{self.after}"


def read(path: Path) -> list[Probe]:
    """Read pairs from `path`: one JSON object a line (.jsonl), a list of them (.json), or columns (.csv).

    Columns: text_a, text_b and axis are required. context (else "general"), template (else the text with the
    differing words replaced by "{}"), frame (else the template), source (else the file's stem), term_a and
    term_b (else the differing words), group_a and group_b (else the terms, "unmarked" where a term is empty)
    are not; other columns are ignored. The public pair schema (prompt_1, prompt_2, attribute_1, attribute_2,
    category, context, template_id) is read too. The split follows from the frame. Space at the end of a text
    is dropped: it would become a token of its own that ordinary text does not have there.

    Raises:
        UserError: The file is missing, empty or of another kind, or a line of it (named) is not a probe.
    """
    rows = list(rows_of(path, "a probe file", '{"text_a": ..., ...}'))
    if not rows:
        raise UserError(f"a probe file has at least one pair; {plain(path.name)} is empty; add text_a, text_b and axis")
    return [_probe(row, path.stem) for row in rows]


def refuse_alike(probes: Sequence[Probe], tokens: Callable[[str], Sequence[int]]) -> None:
    """Refuse pairs that a model cannot tell apart, as their texts are the same tokens: they would count as fair.

    Args:
        probes: The user's own.
        tokens: What the model's tokenizer makes of a text.

    Raises:
        UserError: There are such pairs; the first is shown.
    """
    alike = [probe for probe in probes if list(tokens(probe.text_a)) == list(tokens(probe.text_b))]
    if alike:
        raise UserError(
            f"the texts of a pair must differ in tokens; for this model {len(alike)} of {len(probes)} pairs do not "
            f"({plain(alike[0].text_a, 60)!r} and {plain(alike[0].text_b, 60)!r}); take them out"
        )


def difference(text_a: str, text_b: str) -> Difference:
    """Return the one span in which two texts differ, from the first to the last word that is not shared."""
    a, b = _TOKEN.findall(text_a), _TOKEN.findall(text_b)
    start = common_beginning(a, b)
    end = min(common_end(a, b), len(a) - start, len(b) - start)
    before, after = "".join(a[:start]), "".join(a[len(a) - end :])
    span_a, span_b = "".join(a[start : len(a) - end]), "".join(b[start : len(b) - end])
    articles = [re.match(r"[Aa]n? ", span) for span in (span_a, span_b)]
    if articles[0] and articles[1]:
        before += span_a[: articles[0].end()]
        span_a, span_b = span_a[articles[0].end() :], span_b[articles[1].end() :]
    return Difference(_ARTICLE.sub(r"\1\2", before), span_a.strip(), span_b.strip(), after)


def _refuse_controls(row: Row) -> None:
    """Refuse what a terminal would obey: texts may have line ends and tabs, names have neither."""
    for name, value in row.columns.items():
        free = "\n\r\t" if name in _FREE else ""
        if isinstance(value, str) and any(unicodedata.category(letter) == "Cc" for letter in set(value) - set(free)):
            raise UserError(f'{row.where} must be plain text; "{plain(name, 40)}" has control characters; remove them')


def _probe(row: Row, stem: str) -> Probe:
    _refuse_controls(row)
    columns = {_PUBLIC_NAMES.get(name, name): value for name, value in row.columns.items()}
    for name in REQUIRED:
        if name not in columns:
            raise UserError(f'{row.where} must have the column "{name}"; it has none; add it')
        if not isinstance(columns[name], str) or not columns[name].strip():
            raise UserError(f'{row.where} must have text in the column "{name}"; it is empty or no text; fill it in')
    text_a, text_b = columns["text_a"].rstrip(), columns["text_b"].rstrip()
    if max(len(text_a), len(text_b)) > _LONGEST:
        raise UserError(f"{row.where} must have texts of at most {_LONGEST:,} letters; one is longer; cut it")
    if text_a == text_b:
        raise UserError(f"{row.where} must have two texts that differ; text_a equals text_b; change the term in one")

    def optional(name: str, default: str) -> str:
        value = columns.get(name)
        return default if value is None or not str(value).strip() else str(value).strip()

    found = difference(text_a, text_b)
    template = optional("template", found.template)
    frame = optional("frame", template)
    term_a, term_b = optional("term_a", found.a), optional("term_b", found.b)
    group_a, group_b = optional("group_a", term_a or "unmarked"), optional("group_b", term_b or "unmarked")
    return Probe(
        text_a=text_a, text_b=text_b, axis=columns["axis"].strip(), context=optional("context", "general"),
        template=template, frame=frame, source=optional("source", stem), group_a=group_a, group_b=group_b,
        term_a=term_a, term_b=term_b, split=split_of(frame),
    )  # fmt: skip
