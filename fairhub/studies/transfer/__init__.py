"""Transfer: repaired for one context, measured in every other; how far a repair carries."""
