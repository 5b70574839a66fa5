"""All declared metrics, and the ones that names derive from them: a dimension, a prompt format, a comparison."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from fairhub.report.metrics import judgement, keep, public, reaction, utility
from fairhub.report.metrics.metric import Metric, Section

METRICS = (*judgement.METRICS, *keep.METRICS, *reaction.METRICS, *utility.METRICS, *public.METRICS)
OTHERWISE = "_in_"
"""In the name of a figure: what follows is the prompt format that it was read in, text or chat, not the run's own."""
AGAINST_REPAIR = ".against_repair"
"""Of another way of choosing: the figure under the repair itself (before) and under the other (after), in pairs."""
NORMALISED = "_normalised"
"""Of a benchmark: options are compared by their likelihood a character."""
_OWN = {(metric.name, metric.axis): metric for metric in METRICS}


def metric_of(name: str, axis: str = "all") -> Metric:
    """Return what is known of a metric by its name; of one that nobody declared, that it is an other figure.

    Args:
        name: Of a figure.
        axis: Of the figure: on control pairs a name may be another metric.
    """
    return declared(name, axis) or Metric(name, "", "", "lower", "other")


@lru_cache(maxsize=4096)
def declared(name: str, axis: str = "all") -> Metric | None:
    """Return a metric that was declared, or derives from one that was; None where it is nobody's."""
    if own := _OWN.get((name, axis)) or _OWN.get((name, "all")):
        return own
    for mark, derive in _DERIVED.items():
        base, marked, rest = name.partition(mark)
        if marked and (metric := declared(base, axis)) and (derived := derive(metric, rest)):
            return replace(derived, name=name, short="")
    return None


def ordered(*sections: Section) -> list[Metric]:
    """Return the metrics of these sections, section by section, each in the order of declaration."""
    return [metric for section in sections for metric in METRICS if metric.section == section]


def benchmarks() -> Sequence[str]:
    """Return the public benchmarks that metrics are declared for, in the order in which a suite measures them."""
    return tuple(dict.fromkeys(metric.benchmark for metric in METRICS if metric.public))


def meaning_of(name: str) -> str | None:
    """Return what a figure of this name says; None where the name is of a later fairhub."""
    return metric_of(name).words or None


def _otherwise(metric: Metric, prompt_format: str) -> Metric:
    asked = {"chat": "asked in the model's chat template", "text": "asked as plain text"}
    words = f"{metric.words}; {asked.get(prompt_format, prompt_format)}"
    return replace(metric, words=words, section="otherwise", prompt_format=prompt_format)


def _against(metric: Metric, rest: str) -> Metric | None:
    words = (
        f"of another way of choosing: {metric.name} under this repair (before) and the other (after), in pairs over "
        "the same prompts"
    )
    return None if rest else replace(metric, words=words)


def _normalised(metric: Metric, rest: str) -> Metric | None:
    return None if rest or not metric.share else replace(metric, words=f"{metric.words} a character")


def _part(metric: Metric, part: str) -> Metric | None:
    return replace(metric, words=metric.parts.format(part=part), part=part) if metric.parts and part else None


_DERIVED: dict[str, Callable[[Metric, str], Metric | None]] = {
    OTHERWISE: _otherwise, AGAINST_REPAIR: _against, NORMALISED: _normalised, ".": _part,
}  # fmt: skip
