"""What is taken where nothing is asked for: apart, so that the command line knows it before torch is loaded."""

METHOD = "two_sided"
"""How a repair is chosen."""
HEALS = ("robust",)
"""Methods that refit the columns that stay where `--heal` does not say: it is part of them. No published one does."""
