"""Metrics of how the next token shifts when a group is named: shared by sentences, or of single pairs."""

from fairhub.report.metrics.metric import Metric

METRICS = (
    Metric(
        "systematic",
        "what a group's name changes everywhere, meaning included: the shift of the next token that different "
        "templates and terms share (squared Hellinger distance, nats)",
        "bias", "lower", "everywhere", "nats", linear=False,
        headline={"held_out": "What a group's name changes everywhere"}, columns={"held_out": "Systematic, held_out"},
        compared=("held_out",),
    ),
    Metric(
        "reaction",
        "the whole shift of the next token when a term is changed (squared Hellinger distance, nats), the systematic "
        "part inside; less of it is deafness as well as fairness, and so no better",
        "reaction", "lower", "everywhere", "nats",
    ),
    Metric(
        "divergence",
        "Jensen-Shannon divergence (nats) between the next-token distributions after the two texts of a pair that "
        "differ in one term; nearly all of it is reaction to a changed word, on control pairs all of it",
        "reaction", "lower", "pairs", "nats", short="single",
        headline={"held_out": "Divergence of single pairs (nearly all reaction)"},
        expected={"held_out": "divergence on held-out prompts", "external": "divergence on external sources"},
        alternatives="Single pairs", columns={"held_out": "Single pairs, held_out"}, compared=("held_out", "external"),
    ),
    Metric(
        "specificity",
        "relative change of divergence on demographic pairs minus that on control pairs, in percentage points; below "
        "0, the repair did more to demographics than to words in general",
        "bias", "lower", "pairs", points=True, headline={"held_out": "Specificity of single pairs"},
        expected={"held_out": "specificity on held-out prompts"}, alternatives="Specificity",
        columns={"held_out": "Specificity"}, compared=("held_out",),
    ),
)  # fmt: skip
