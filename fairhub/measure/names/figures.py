"""Answers about names as figures of a report: the gap, the earth mover's distance, inliers and refusals."""

from collections.abc import Sequence

from fairhub.measure.names.answers import Answers
from fairhub.measure.names.beside import inliers, mover
from fairhub.measure.names.gap import change, interval, table
from fairhub.measure.names.prompts import NamePrompt
from fairhub.report import Figure
from fairhub.report.making import measured
from fairhub.stats import statistics


def name_figures(
    prompts: Sequence[NamePrompt], before: Answers, after: Answers | None = None, axes: Sequence[str] = ("race",)
) -> list[Figure]:
    """Return the gap of every axis and scenario, and inliers and refusals over all of them.

    Args:
        prompts: What was asked: every question about every name.
        before: The base model's answers.
        after: The repaired model's; None in an audit.
        axes: race, gender.
    """
    contexts = list(dict.fromkeys(p.scenario for p in prompts))
    found = [
        gap_figure(prompts, before, after, axis, context)
        for axis in axes
        for context in ("all", *(contexts if len(contexts) > 1 else ()))
    ]
    if after is None:
        found += [_mover(prompts, before, axis) for axis in axes]
    return [*found, *kept_figures(prompts, before, after)]


def gap_figure(
    prompts: Sequence[NamePrompt], before: Answers, after: Answers | None, axis: str, context: str
) -> Figure:
    """Return the size of the standardised mean difference in one scenario, or over `all`."""
    old = table(prompts, before, axis).of(context)
    new = None if after is None else table(prompts, after, axis).of(context)
    asked = [p for p in prompts if context in ("all", p.scenario)]
    return measured(
        "name_gap", prompts[0].split, axis, context, len(asked), len({p.name for p in asked}), interval(old),
        None if new is None else interval(new), None if new is None else change(old, new),
    )  # fmt: skip


def kept_figures(prompts: Sequence[NamePrompt], before: Answers, after: Answers | None) -> list[Figure]:
    """Return the share of inliers and of refusals, over all prompts."""
    own = None if after is None else inliers(prompts, after, before)
    refused = None if after is None else 1 - after.answered
    parts = (
        ("inlier_ratio", inliers(prompts, before, before), own),
        ("refusal_rate", 1 - before.answered, refused),
    )
    names = [p.name for p in prompts]
    return [
        measured(
            name, prompts[0].split, "all", "all", len(prompts), len(set(names)),
            statistics.interval(old, names), None if new is None else statistics.interval(new, names),
            None if new is None else statistics.change(old, new, names),
        )
        for name, old, new in parts
    ]  # fmt: skip


def _mover(prompts: Sequence[NamePrompt], answers: Answers, axis: str) -> Figure:
    names = {p.name for p in prompts}
    return measured(
        "name_mover", prompts[0].split, axis, "all", len(prompts), len(names), mover(prompts, answers, axis)
    )
