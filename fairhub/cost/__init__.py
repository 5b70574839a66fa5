"""What a run costs, forecast before it starts."""
