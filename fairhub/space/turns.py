"""Turns at what only few can have at once: who came first goes first, and nobody fills the queue alone."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fairhub.errors import UserError


@dataclass(frozen=True, eq=False)
class Ticket:
    """A place in a queue."""

    who: str | None
    """Whose: nobody has more than a few; None is not counted."""


class Turns:
    """A queue of its own for one kind of work.

    Args:
        what: What is waited for, for who is refused.
        running: How many have their turn at once.
        waiting: How many may wait.
        each: How many places one visitor may have, running and waiting together.
    """

    def __init__(self, what: str, running: int, waiting: int, each: int) -> None:
        """Nobody waits yet."""
        self.what, self.running, self.most, self.each = what, running, running + waiting, each
        self._tickets: list[Ticket] = []
        self._moved = threading.Condition()

    @contextmanager
    def place(self, who: str | None) -> Iterator[Ticket]:
        """Take a place inside the `with` block; `before` says how long the queue before it is.

        Raises:
            UserError: The queue is full, or this visitor has enough places in it.
        """
        ticket = Ticket(who)
        with self._moved:
            if who is not None and Counter(one.who for one in self._tickets)[who] >= self.each:
                most = "one of yours" if self.each == 1 else f"{self.each} of yours"
                raise UserError(f"{self.what} is one after another, {most} at a time; wait for what is under way")
            if len(self._tickets) >= self.most:
                raise UserError(f"{self.what} is one after another; {self.most} are waited for; try again later")
            self._tickets.append(ticket)
        try:
            yield ticket
        finally:
            with self._moved:
                self._tickets.remove(ticket)
                self._moved.notify_all()

    def before(self, ticket: Ticket) -> int:
        """Return how many must end before it is this one's turn; 0 where it is."""
        with self._moved:
            return max(0, self._tickets.index(ticket) - self.running + 1)

    @contextmanager
    def turn(self, who: str | None) -> Iterator[None]:
        """Wait for a turn, and have it inside the `with` block.

        Raises:
            UserError: As `place`.
        """
        with self.place(who) as ticket:
            with self._moved:
                self._moved.wait_for(lambda: self._tickets.index(ticket) < self.running)
            yield
