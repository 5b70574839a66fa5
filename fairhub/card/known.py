"""What a card knows that no report says: what a method does, what a metric means, where a source lives."""

from dataclasses import dataclass

from fairhub.methods import METHODS
from fairhub.report.metrics import METRICS, Metric, Section, metric_of


@dataclass(frozen=True)
class Known:
    """A method in words, and the papers to cite for it."""

    title: str
    what: str
    papers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A source of prompts or text: its id on the Hub where it has one, what it is used for, its paper."""

    hub_id: str | None
    use: str
    paper: str | None = None


_OTHERS = {
    "importance": Known("least importance, a control", "The units that matter least for neutral text were removed."),
    "audit": Known("audit", "The model was measured and left alone."),
}
"""What reports name and no method is."""


def method(name: str) -> Known:
    """Return what is known of a method; one added later is named, not explained."""
    if name in METHODS:
        return Known(METHODS[name].title, METHODS[name].what, METHODS[name].papers)
    later = "What this recipe does is documented in the version of fairhub that made the run."
    return _OTHERS.get(name) or Known(name, later)


SOURCES = {
    "fairhub probes": Source(None, "search, select, held_out and, its vignettes, external"),
    "own groups": Source(None, "search, select, held_out, in the shipped templates"),
    "HolisticBias": Source("fairnlp/holistic-bias", "external", "smith2022holisticbias"),
    "CrowS-Pairs": Source("nyu-mll/crows_pairs", "external", "nangia2020crows"),
    "WikiText-2 (raw)": Source("Salesforce/wikitext", "neutral text of every split", "merity2017pointer"),
    "BOLD Wikipedia passages": Source("AmazonScience/bold", "neutral text of every split", "dhamala2021bold"),
}

Expected = tuple[tuple[str, ...], str | None, str, str]
LICENCES = {"HuggingFaceTB/SmolLM2-135M-Instruct": "apache-2.0"}
"""Licences of base models that reports made before the licence was recorded are known to name."""


def _expected() -> tuple[Expected, ...]:
    """Return what metrics declare to be missed; what is said in the same words will do for each other."""
    order: tuple[Section, ...] = ("judged", "kept", "everywhere", "pairs", "utility", "public", "other")

    def place(metric: Metric) -> tuple[int, bool, bool]:
        return (
            order.index(metric_of(metric.name).section),
            metric.axis != "all",
            metric.public and metric.role == "bias",
        )

    found: dict[tuple[str, str, str], list[str]] = {}
    for metric in sorted((m for m in METRICS if m.expected), key=place):
        for split, words in metric.expected.items():
            found.setdefault((split, metric.axis, words), []).append(metric.name)
    return tuple((tuple(names), split or None, axis, words) for (split, axis, words), names in found.items())


EXPECTED = _expected()
"""What a reader may look for: names of figures any of which will do, split (None: any), axis, and how to name it."""
