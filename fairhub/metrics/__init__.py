"""The figures as `evaluate` measurements, one a file, each of which `evaluate.load` also takes offline."""
