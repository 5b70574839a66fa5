"""What a run costs: counted while it runs, and forecast before."""

from fairhub.cost.tally import FORWARD, Tally, tallied

__all__ = ["FORWARD", "Tally", "tallied"]
