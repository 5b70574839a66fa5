"""Pieces of work whose forwards wait for each other at every layer: one runs at a time, each in a thread of its own."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

import torch

W = TypeVar("W")
R = TypeVar("R")


class Task(threading.Thread):
    """One piece of work; it runs while it has its turn, and sees hooks that it or those above it registered."""

    def __init__(self, do: Callable[[], Any], held: int, crew: "Crew") -> None:
        """Take the work and about how many bytes it holds while it waits, and modes and contexts as they are here."""
        super().__init__(daemon=True)
        self.above, self.held, self.turn = current(), held, threading.Semaphore(0)
        self.found: Any = None
        self.failed: BaseException | None = None
        self.parts = 0
        """Tasks that it waits for."""
        self._do, self._crew, self._context = do, crew, copy_context()
        self._inference, self._grad = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def run(self) -> None:
        """Do the work once it is this task's turn."""
        self.turn.acquire()
        try:
            if not self._crew.stopped:
                with torch.inference_mode(self._inference), torch.set_grad_enabled(self._grad):
                    self.found = self._context.run(self._do)
        except BaseException as error:  # handed to who waits for the task, whatever it is
            self.failed = error
        finally:
            self._crew.ended(self)

    def within(self, other: "Task | None") -> bool:
        """Tell whether this is another task or a part of it; all are parts of None."""
        return other is None or self is other or (self.above is not None and self.above.within(other))


def current() -> Task | None:
    """Return the task that is running; None outside of all."""
    thread = threading.current_thread()
    return thread if isinstance(thread, Task) else None


class Crew:
    """The tasks of one model. Who comes to a layer waits there; the layer that most wait for is next."""

    def __init__(self, room: int) -> None:
        """Take how many bytes the tasks may hold that are under way at once; one of them always may."""
        self.room, self.stopped = room, False
        self._back = threading.Semaphore(0)
        self._fresh: list[deque[Task]] = []
        self._ready: deque[Task] = deque()
        self._waiting: dict[int, deque[Task]] = {}
        self._held = self._at = 0

    def each(self, do: Callable[[W], R], work: Iterable[W], held: int = 0) -> list[R]:
        """Do all pieces of work, forwards in step, and return the results in order.

        Args:
            do: Does one piece.
            work: The pieces.
            held: About how many bytes a piece holds while it waits at a layer.

        Raises:
            BaseException: What a piece raised; the others were ended where they waited.
        """
        above = current()
        tasks = [Task(partial(do, piece), held, self) for piece in work]
        if tasks:
            self._fresh.append(deque(tasks))
            if above is None:
                self._run()
            else:
                above.parts = len(tasks)
                self._hand_back(above)
        failed = [task.failed for task in tasks if task.failed is not None]
        if failed:
            raise next((error for error in failed if not isinstance(error, Stopped)), failed[0])
        return [task.found for task in tasks]

    def arrive(self, layer: int) -> None:
        """Wait at a layer until it is this task's turn there; outside of tasks nobody waits."""
        if (task := current()) is not None:
            self._waiting.setdefault(layer, deque()).append(task)
            self._hand_back(task)
            if self.stopped:
                raise Stopped

    def ended(self, task: Task) -> None:
        """Take the turn back from a task that has ended."""
        self._held -= task.held
        if task.failed is not None:
            self.stopped = True
        if (above := task.above) is not None:
            above.parts -= 1
            if not above.parts:
                self._ready.append(above)
        self._back.release()

    def _hand_back(self, task: Task) -> None:
        """Give the turn back, and wait for the next."""
        self._back.release()
        task.turn.acquire()

    def _run(self) -> None:
        """Give turns until nothing is left; where one failed, or all are interrupted, each ends where it waits."""
        out = False  # whether a turn is given and not back
        try:
            while (task := self._next()) is not None:
                out = True
                task.turn.release()
                self._back.acquire()
                out = False
        except BaseException:
            self.stopped = True
            if out:
                self._back.acquire()
            self._run()
            raise
        finally:
            self.stopped = False

    def _next(self) -> Task | None:
        """Return whose turn it is: who waits for no layer, then a new task, then who is at the layer."""
        if self._ready:
            return self._ready.popleft()
        lines = {layer: len(line) for layer, line in self._waiting.items() if line}
        if (task := self._started(must=not lines)) is not None or not lines:
            return task
        if not self._waiting.get(self._at):
            self._at = max(lines, key=lambda layer: (lines[layer], -layer))
        return self._waiting[self._at].popleft()

    def _started(self, *, must: bool) -> Task | None:
        """Start the next task where it has room or must, a part of the latest work before others."""
        while self._fresh and not self._fresh[-1]:
            self._fresh.pop()
        if not self._fresh or not (must or self._held + self._fresh[-1][0].held <= self.room):
            return None
        task = self._fresh[-1].popleft()
        self._held += task.held
        task.start()
        return task


class Stopped(BaseException):
    """Another task failed, or all were interrupted: this one ends where it waits."""
