"""What a sample is too small to say: fewest clusters for a word about a change, and bounds of shares."""

from fairhub.stats.statistics import Interval

LEAST = 5
"""Clusters that a change must rest on to be called better or worse: of four, all of which moved one way, a test that
swaps before and after says p = 0.125 at best, and their own spread says hardly what that of others is."""


ROUNDING = 1e-6
"""Draws that lie closer together, as a share of what they are of, differ by rounding alone."""


def share_of(part: Interval, clusters: int) -> Interval:
    """Return the interval of a share: within 0 and 1, and never a point.

    Where no cluster differs from another, nothing was seen of how far others may lie; then it reaches as far as the
    exact interval of a share of which none (or all) were seen in so many (Clopper & Pearson 1934).
    """
    far = 1 - 0.025 ** (1 / clusters) if part.high - part.low <= ROUNDING else 0.0
    low, high = max(part.low - far, 0.0), min(part.high + far, 1.0)
    return Interval(part.value, min(low, part.value), max(high, part.value))
