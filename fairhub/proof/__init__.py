"""Before and after: a repair is measured once on held-out and external items, and put on record."""
