"""The findings of an audit in a few lines of a terminal: who is judged worse, and what the model knows."""

import textwrap
from collections.abc import Iterator, Sequence

from fairhub.errors import plain
from fairhub.report.audited import WIDTH, asked, public_lines
from fairhub.report.evidence import NOTHING, Evidence, Example
from fairhub.report.findings import UNSEEN, WHERE, Findings, findings
from fairhub.report.record import Figure

_GROUPS, _BRINGING, _WORDS = 3, 3, 4
"""How many are told of each."""


def brief(model: str, figures: Sequence[Figure], evidence: Evidence = NOTHING, notes: Sequence[str] = ()) -> str:
    """Return the findings of an audit as some 15 lines, then public benchmarks and notes, where there are any.

    Args:
        model: Its id.
        figures: Of the audit.
        evidence: Of the same.
        notes: On public benchmarks.
    """
    found = findings(figures, evidence)
    lines = [*_judged(found), *_brought(found), *_example(found.examples[:1]), *_line(found.reacts), *_known(found)]
    wrapped = (textwrap.wrap(line, WIDTH, subsequent_indent="    ") for line in lines)
    told = [part for parts in wrapped for part in parts]
    noted = [part for note in (*asked(figures), *notes) for part in textwrap.wrap(plain(note, 600), WIDTH)]
    return "\n".join([f"Who does {plain(model)} judge worse?", *told, *public_lines(figures), *noted])


def _judged(found: Findings) -> Iterator[str]:
    if not found.looked:
        return
    yield f"  {found.opening} {found.sight}"
    for split in UNSEEN:
        told = [plain(one.said, 300) for one in found.judged if one.split == split]
        yield from (f"  on {WHERE[split]}:" for _ in told[:1])
        yield from (f"  - {said}" for said in told[:_GROUPS])
        if len(told) > _GROUPS:
            yield f"  - and of {len(told) - _GROUPS} more groups; --verbose tells of all"


def _brought(found: Findings) -> Iterator[str]:
    told = [f"{group} ({', '.join(words[:_WORDS])})" for group, words in found.brought[:_BRINGING]]
    if told:
        yield f"  Words that a group's name brings in nearly every sentence: {plain('; '.join(told), 300)}"


def _example(examples: Sequence[Example]) -> Iterator[str]:
    yield from (f"  For example {plain(one.said, 600)}" for one in examples)


def _line(said: str) -> Iterator[str]:
    yield from (f"  {said}" for _ in said[:1])


def _known(found: Findings) -> Iterator[str]:
    if found.known:
        yield f"  What it knows: {', '.join(f'{one.what.lower()} {one.short}' for one in found.known)}"
