"""Where a base model came from that is no commit of the Hub: the revisions that a record then has."""

LOCAL = "local"
"""A folder."""
IN_MEMORY = "memory"
"""A model that was given to Python as it stood in memory: no file of it is known."""
UNFETCHABLE = (LOCAL, IN_MEMORY)
"""Nobody else can fetch these; a record has the hash of their weights."""
