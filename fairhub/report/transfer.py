"""How far a repair carries, as tables and sentences of report.md and the card."""

from collections.abc import Callable, Mapping
from typing import Any

from fairhub.report.markup import safe, table
from fairhub.report.wording import number, percent

TITLE = "How far a repair carries"
NOTE = (
    "Relative change of the figure in each context (columns) after a repair made for the context of the row, with 95 % "
    "intervals, on prompts that no repair saw. `all but` rows never saw the context left out."
)


def transfer_section(found: Mapping[str, Any], level: str = "##") -> str:
    """Return the section of report.md, transfer.md and the card: sentences, matrix, the base model's figures."""
    parts = ("\n".join(transfer_sentences(found)), NOTE, transfer_table(found), transfer_base(found))
    return "\n\n".join((f"{level} {TITLE}", *(part for part in parts if part)))


def transfer_table(found: Mapping[str, Any]) -> str:
    """Return the matrix, a row a repair: what it was made for, its price, and the change in every context."""
    cells = {(c["method"], c["repaired_on"], c["measured_on"]): c["change"] for c in found["cells"]}
    rows = [
        (
            str(row["method"]), str(row["repaired_on"]), _shift(row["perplexity"]),
            *(_shift(cells[row["method"], row["repaired_on"], context]) for context in found["contexts"]),
        )
        for row in found["rows"]
    ]  # fmt: skip
    return table(("Method", "Repaired on", "Perplexity", *map(str, found["contexts"])), rows) if rows else ""


def transfer_sentences(found: Mapping[str, Any], show: Callable[[str], str] = safe) -> list[str]:
    """Return what to expect of each repair elsewhere, and what is kept of a context that was left out.

    Args:
        found: transfer.json.
        show: Makes a text fit for where it is shown: Markdown, or a terminal, which takes it as it is.
    """
    said = [f"- {show(method)}: {show(line)}" for method, lines in found["sentences"].items() for line in lines]
    for method, share in found["kept"].items():
        if share:
            said.append(
                f"- {show(method)}: a repair on all other contexts kept {percent(share['value']).lstrip('+')} of the "
                f"reduction [{percent(share['low'])}, {percent(share['high'])}]."
            )
    return said


def transfer_base(found: Mapping[str, Any], show: Callable[[str], str] = safe) -> str:
    """Return the base model's own figure in every context, and what chance alone would have made of it."""
    chance = found.get("chance", {})
    parts = [
        f"{show(c)} {number(b['value'])} [{number(b['low'])}, {number(b['high'])}]"
        + _by_chance(b["value"], chance.get(c))
        for c, b in found["base"].items()
    ]
    asked = found.get("asked", {})
    axes = ", ".join(map(show, asked.get("axes") or (["race"] if asked.get("names") else [])))
    return f"Before any repair, in {found['unit']}{axes and f' ({axes})'}: " + "; ".join(parts) + "."


def _by_chance(value: float, chance: Mapping[str, float] | None) -> str:
    if chance is None:
        return ""
    shown = "" if value > chance["high"] else ": no gap is shown"
    return f" (chance alone gives {number(chance['mean'])}, up to {number(chance['high'])}{shown})"


def _shift(change: Mapping[str, Any]) -> str:
    if change["value"] == change["low"] == change["high"] == 0:  # nothing was found to do
        return "0"
    if change["relative"] is None:
        return f"{change['value']:+.3g} [{change['low']:+.3g}, {change['high']:+.3g}]"
    return f"{percent(change['relative'])} [{percent(change['relative_low'])}, {percent(change['relative_high'])}]"
