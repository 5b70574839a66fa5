"""Makes the figures that fairhub measures: what their metric declares of them is said nowhere else."""

from dataclasses import replace

from fairhub.report.metrics import declared
from fairhub.report.record import Figure, Groups
from fairhub.stats.bounds import share_of
from fairhub.stats.statistics import Change, Interval


def measured(
    name: str, split: str, axis: str, context: str, items: int, clusters: int, before: Interval,
    after: Interval | None = None, change: Change | None = None, *, groups: Groups | None = None,
    limit: float | None = None, freedom: float | None = None,
) -> Figure:  # fmt: skip
    """Return a figure, with the role, the direction and the unit of its metric, and the bounds where it is a share.

    Args:
        name: Of the metric, one of `fairhub/report/metrics/`; likewise all others: see `Figure`.
        split: See `Figure`.
        axis: See `Figure`.
        context: See `Figure`.
        items: See `Figure`.
        clusters: See `Figure`.
        before: See `Figure`.
        after: See `Figure`.
        change: See `Figure`.
        groups: See `Figure`.
        limit: See `Figure`.
        freedom: See `Figure`.
    """
    metric = declared(name, axis)
    assert metric is not None, f"nobody declared the metric {name}: do it in fairhub/report/metrics/"
    if metric.share:
        before, after = share_of(before, clusters), after and share_of(after, clusters)
        change = change and replace(change, low=max(change.low, -1.0), high=min(change.high, 1.0))
    return Figure(
        name, metric.role, split, axis, context, metric.better, metric.unit, items, clusters, before, after, change,
        groups, limit, freedom,
    )  # fmt: skip
