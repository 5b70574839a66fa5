"""How many probes, cells and tokens each stage of a run uses."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Sizes:
    """How many probes and tokens each stage uses: sized for two CPU cores; `everything` takes all."""

    search: int = 720
    """Demographic probes that activations are measured on."""
    screen: int = 240
    """Of those, how many units are scored on by gradient."""
    sample: int = 42
    """Of those, how many the annealer asks at every step."""
    select: int = 160
    held_out: int = 288
    """Twice as many where only some axes are searched, so that the spill-over on each has an interval worth reading."""
    external: int = 304
    control: int = 120
    """Control probes in select, held_out and external, at most."""
    kept: int = 400
    """Control probes of search, at most: what healing must keep."""
    judged: int = 144
    """Texts an axis that judgements are read from, in held_out; half as many in external."""
    judged_near: int = 48
    """The same in search and select, for the report."""
    traits: int = 160
    """Pairs of each trait that must stay (merit, incidental)."""
    choices: int = 240
    """Items of each family with a right next word (meaning, recall)."""
    passages: int = 200
    """Passages of held-out text whose last word is asked."""
    fitted: int = 112
    """Texts an axis of search that an erasure is fitted on."""
    fitted_wide: int = 144
    """The same of the terms of search that only a fit sees."""
    fitted_traits: int = 140
    """Pairs of each trait of search that it keeps."""
    fitted_control: int = 120
    """Control pairs of search that it keeps."""
    fitted_choices: int = 360
    """Items of meaning and of recall of search that it keeps."""
    fitted_tokens: int = 8_192
    """Neutral text of search whose next tokens it keeps."""
    chosen: int = 96
    """Texts an axis of select that its strength is chosen on."""
    chosen_traits: int = 100
    chosen_choices: int = 240
    chosen_passages: int = 160
    compared: int = 56
    """Held-out probes that the alternatives (random, importance ...) are measured on."""
    compared_texts: int = 48
    """Held-out texts an axis that the alternatives are judged by."""
    compared_traits: int = 56
    """Of them, held-out pairs of each trait that must stay."""
    compared_choices: int = 80
    compared_passages: int = 68
    shown: int = 0
    """Pairs of select that every candidate goes on with, for a person who chooses among them."""
    control_chunks: int = 16
    """Chunks of held-out text that the alternatives are measured on."""
    search_tokens: int = 32_768
    select_tokens: int = 12_288
    held_out_tokens: int = 16_384


AUDIT = Sizes(held_out=96, external=104, control=80, held_out_tokens=12_288)
"""Of an audit: reaction is read off the same texts as judgements, so that fewer single pairs will do."""
QUICK = Sizes(
    held_out=96, external=104, control=40, held_out_tokens=6_144, judged=72, traits=80, choices=120, passages=80
)
"""Of an audit that is to be over in minutes, public benchmarks included."""


def of_audit(suite: str | None) -> Sizes:
    """Return how much an audit measures, by the suite of public benchmarks that it measures too."""
    return QUICK if suite == "quick" else AUDIT


FIRST_LOOK = replace(AUDIT, judged=AUDIT.judged // 3)
"""Of a first look before an audit, where it has no sentences that other people wrote: a third of fairhub's own."""
