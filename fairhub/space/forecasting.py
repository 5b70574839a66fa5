"""How long a repair will take here, as the package's own forecast says, in a visitor's words."""

from fairhub.cost.plan import forecast
from fairhub.model.loading import Loaded
from fairhub.request import Request

LENT = "It runs on a lent GPU, in short calls that go on from each other; how many cannot be told before."
"""What is said where the machine that repairs is not the one that is asked."""
_UNKNOWN = "How long it takes cannot be told before: this method's work follows from what it finds."
_HERE = "this machine"


def said(source: str | None, request: Request, device: str, loaded: Loaded) -> str:
    """Return how long a repair would take on this machine, in one sentence; one forward is measured for it.

    Args:
        source: What the model was loaded from.
        request: What is asked.
        device: Where it would run.
        loaded: The model.

    Raises:
        UserError: The model cannot be repaired.
    """
    rows = forecast(source, request, device, None, loaded).rows
    mine = next((row for row in rows if (row.method, row.machine) == (request.method, _HERE)), None)
    if mine is None:
        return _UNKNOWN
    if not mine.fits or mine.seconds is None:
        return f"It needs {mine.bytes / 1e9:.2g} GB of memory, more than is free here now; choose a smaller model."
    return f"About {spoken(mine.seconds)} here, once it is its turn; it can be stopped and gone on with."


def spoken(seconds: float) -> str:
    """Return a time as a person says it: 40 seconds, 3 minutes."""
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
