"""Groups and pairs of a visitor's own, as two texts: read within bounds, each mistake named by its line."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from fairhub.errors import UserError, plain
from fairhub.files.writing import write_whole
from fairhub.inputs.groups import OWN, Term, in_lines
from fairhub.inputs.probes import Probe, read_probes
from fairhub.space.reading import checked

LONGEST = 12_000
"""Letters of a box."""
PAIRS, MOST = "pairs", 60
"""The axis of a visitor's own pairs, and how many there may be."""
BAR = "|"


@dataclass(frozen=True)
class Own:
    """What a visitor brought."""

    terms: tuple[Term, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes that these are of."""
        return (OWN,) * bool(self.terms) + (PAIRS,) * bool(self.pairs)


def read(groups: str, pairs: str) -> Own:
    """Return what stands in the two boxes.

    Raises:
        UserError: A line is no group or no pair, or there is too much; the message says where.
    """
    return Own(groups_in(groups), pairs_in(pairs))


def groups_in(text: str) -> tuple[Term, ...]:
    """Return the terms of a box of groups.

    Raises:
        UserError: As for `read`.
    """
    _refuse_long(text, "groups")
    return in_lines(text) if text.strip() else ()


def pairs_in(text: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of a box of pairs.

    Raises:
        UserError: As for `read`.
    """
    _refuse_long(text, "pairs")
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MOST:
        raise UserError(f"pairs of your own are at most {MOST}; got {len(lines)}; leave some out")
    return tuple(_pair(number, line) for number, line in lines)


def _pair(number: int, line: str) -> tuple[str, str]:
    first, bar, second = line.partition(BAR)
    if not bar or BAR in second:
        raise UserError(f"line {number} must be two texts parted by one {BAR}; got {plain(line, 60)!r}; mend it")
    try:
        return checked(first, second)
    except UserError as mistake:
        raise UserError(f"line {number}: {mistake}") from None


def _refuse_long(text: str, what: str) -> None:
    if len(text) > LONGEST:
        raise UserError(f"{what} of your own have at most {LONGEST:,} letters; got {len(text):,}; leave some out")


def written(own: Own, folder: Path) -> Path | None:
    """Write the pairs as a file of probes into a visitor's folder, named by what is in it; None where there are none.

    Raises:
        UserError: None of them would be read by a proof, which reads a part of all pairs.
    """
    if not own.pairs:
        return None
    rows = [{"text_a": a, "text_b": b, "axis": PAIRS} for a, b in own.pairs]
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path = folder / f"pairs-{hashlib.sha256(content).hexdigest()[:16]}.jsonl"
    write_whole(path, content)
    if not unseen(path) and not own.terms:
        raise UserError(
            f"of pairs a quarter, drawn by their words, is measured on unseen; of these {len(own.pairs)} none is; add "
            "pairs of other sentences, or read one under Diagnose"
        )
    return path


def unseen(path: Path) -> list[Probe]:
    """Return those pairs of a file that an audit measures on."""
    return [probe for probe in read_probes(path) if probe.split == "held_out"]
