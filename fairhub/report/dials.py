"""What the dials of a published method do: its own figure beside ours, by layer, and the first look at its front."""

from fairhub.report.record import Report
from fairhub.report.surrogates import row_table

_NOTES = {
    "activation gap": (
        "How far the activations of a pair's two texts lie apart, by optiPfair's definition, on pairs of select. "
        "Neurons chosen for that gap lower it by arithmetic alone. Signed gaps (a group against the others, on one "
        "dimension) say which way judgements moved: a difference tells not whether a neuron speaks for a group or "
        "against it, so that zeroing may move some gaps towards 0 and others away; surely is by the whole interval, of "
        "many."
    ),
    "name gap": (
        "Standardised mean difference of the numbers that are answered about names of two groups, on names of select, "
        "by likelihood."
    ),
}
_LOOKED = (
    "Every setting on part of select's pairs and of search's text: those that seemed best within the budget went on."
)


def dial_tables(report: Report) -> list[tuple[str, str, str]]:
    """Return title, note and table of each part; nothing where a method has no such figure."""
    own, looked = (report.trace.get(name) or {} for name in ("own", "looked"))
    return [
        ("Its own figure beside ours", _NOTES.get(own.get("name", ""), ""), row_table(own.get("rows") or ())),
        ("Its own figure by layer", "Of the setting that was taken, or else the publication's.",
         row_table(own.get("layers") or ())),
        ("A first look at every setting", _LOOKED, row_table(looked.get("rows") or ())),
    ]  # fmt: skip
