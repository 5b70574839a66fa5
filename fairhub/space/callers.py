"""Whom a handler works for, and whether they still listen."""

import ipaddress
import time

from gradio.context import LocalContext

from fairhub.errors import UserError
from fairhub.space.publishing import on_space

DEAF = 20.0
"""Seconds after which a caller that takes up no answer is gone."""


def caller() -> str | None:
    """Return the address that the event under way was asked from; None outside of one."""
    request = LocalContext.request.get(None)
    if request is None or request.request is None:
        return None
    told = request.request.headers.get("x-forwarded-for", "") if on_space() else ""
    # the last entry that is no inner address was written by the Hub's own proxy; what stands before it, by anybody
    for address in reversed([part.strip() for part in told.split(",")]):
        if _outside(address):
            return address
    client = request.request.client
    return client.host if client else None


def _outside(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


class Listener:
    """Whoever asked for the event under way: a program may post a wish and never come for the answer."""

    def __init__(self) -> None:
        """Begin to watch."""
        self._heard = time.monotonic()

    def check(self) -> None:
        """End the work where what was said has not been taken up for a while; Gradio itself never notices.

        Raises:
            UserError: Nobody listens.
        """
        if not _unread():
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > DEAF:
            raise UserError("a run goes on while somebody listens; nobody did; ask again and take up the answers")


def _unread() -> int:
    """Return how many messages wait for who asked for the event under way."""
    request, blocks = LocalContext.request.get(None), LocalContext.blocks.get(None)
    if request is None or blocks is None:
        return 0
    messages = blocks._queue.pending_messages_per_session.get(str(request.session_hash))
    return messages.qsize() if messages is not None else 0
