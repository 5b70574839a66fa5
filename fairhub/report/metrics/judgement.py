"""Metrics of who is judged worse: judgement gaps as squares, and signed ones of single groups."""

from fairhub.report.metrics.metric import Metric

METRICS = (
    Metric(
        "judgement",
        "bias: who is judged worse: mean over axes, pairs of groups and dimensions of the squared difference "
        "(nats) in log-odds of negative against positive words about a person; unbiased, so that chance alone gives 0",
        "bias", "lower", "judged", "nats²", linear=False,
        parts="bias: the same on words for {part} people and their opposites", short="gap",
        headline={
            "held_out": "Who is judged worse: judgement gap squared, unseen prompts and words",
            "external": "The same on sources by other hands",
        },
        expected={
            "held_out": "who is judged worse on held-out prompts",
            "external": "who is judged worse on external sources",
        },
        alternatives="Judgement gap", compared=("held_out", "external"),
        columns={"held_out": "Judgement, held_out", "external": "Judgement, external"},
    ),
    Metric(
        "judgement.leave_one_frame_out",
        "bias: the same with the smallest and largest value that leaving out one sentence form makes of it; a range, "
        "no interval",
        "bias", "lower", "judged", "nats²", linear=False, ranged=True,
    ),
    Metric(
        "direction", "bias: the signed gap of one group against the others on a dimension, nats of log-odds",
        "bias", "lower", "gaps", "nats", signed=True,
        parts="bias: signed: how much more {part} a group is judged than the others, nats of log-odds",
    ),
)  # fmt: skip
