"""Statistics of the measurements: intervals, tests, resampling, gaps between groups; knows nothing of models."""
