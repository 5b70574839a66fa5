"""Rows of public benchmarks: where they are had, and as what they are read."""
