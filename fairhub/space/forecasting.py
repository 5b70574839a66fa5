"""How long a repair will take here, as the package's own forecast says, in a visitor's words."""

from fairhub.cost.plan import forecast
from fairhub.request import Request

_UNKNOWN = "How long it takes cannot be told before: this method's work follows from what it finds."


def said(source: str | None, request: Request, device: str) -> str:
    """Return how long a repair would take on this machine, in one sentence; one forward is measured for it.

    Args:
        source: What the model is loaded from.
        request: What is asked.
        device: Where it would run.

    Raises:
        UserError: The model is not there, or cannot be repaired.
    """
    rows = forecast(source, request, device, None).rows
    mine = next((row for row in rows if (row.method, row.machine) == (request.method, _HERE)), None)
    if mine is None:
        return _UNKNOWN
    if not mine.fits or mine.seconds is None:
        return f"It needs {mine.bytes / 1e9:.2g} GB of memory, more than is free here now; choose a smaller model."
    return f"About {_spoken(mine.seconds)} here, once it is its turn; it can be stopped and gone on with."


_HERE = "this machine"


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
