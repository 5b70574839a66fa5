"""The processes that Accelerate knows of: one on a laptop, several under torchrun or accelerate launch.

Work is spread in pieces that are the same whatever the number of processes, each computed in one of them, so that
numbers are the same too. Every process gets every result and decides alike; only the main one writes and speaks.
"""

import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heapreplace
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object

from fairhub.errors import UserError

_GONE = (
    "a run goes on while all of its processes live; one is gone (killed, or out of memory); "
    "the same command with --resume goes on from where it was"
)
W = TypeVar("W")
R = TypeVar("R")


class Lost(UserError):
    """Another process of the run is gone; what the main process wrote stays."""


def state() -> PartialState:
    """Return Accelerate's view of this process; without a GPU its processes talk through gloo."""
    return PartialState(cpu=not torch.cuda.is_available())


def main() -> bool:
    """Return whether this process is the one that writes and speaks."""
    return bool(state().is_main_process)


def spread(
    work: Sequence[W], do: Callable[[W], R], cost: Callable[[W], float] = lambda _: 1.0,
    each: Callable[[Callable[[W], R], Iterable[W]], Iterable[R]] = map,
) -> list[R]:  # fmt: skip
    """Do each piece of work in one of the processes; return all results, in the order of the work, in all of them.

    Args:
        work: What is to be done; the same in every process.
        do: Does one piece.
        cost: About how long a piece takes, in any unit: every process gets about as much.
        each: Does the pieces of one process, as `map` does.

    Raises:
        Lost: Another process is gone.
    """
    here = state()
    places = dealt([cost(piece) for piece in work], here.num_processes)[here.process_index]
    mine = list(zip(places, each(do, [work[i] for i in places]), strict=True))
    if here.num_processes > 1:
        mine = _together(lambda: gather_object(mine))
    found = dict(mine)
    return [found[i] for i in range(len(work))]


def dealt(costs: Sequence[float], hands: int) -> list[list[int]]:
    """Return the places of pieces of work for each process: the dearest first, each to who has least (Graham 1969)."""
    found: list[list[int]] = [[] for _ in range(hands)]
    load = [(0.0, hand) for hand in range(hands)]  # a heap
    for place in sorted(range(len(costs)), key=lambda place: -costs[place]):
        total, hand = load[0]
        heapreplace(load, (total + costs[place], hand))
        found[hand].append(place)
    return [sorted(places) for places in found]


def agreed(value: R) -> R:
    """Return the main process's value in all of them: what a clock or a disk says is not the same everywhere.

    Raises:
        Lost: Another process is gone.
    """
    if state().num_processes == 1:
        return value
    return _together(lambda: broadcast_object_list([value])[0])


def alone(compute: Callable[[], R]) -> R:
    """Compute in the main process only; all get the result.

    Raises:
        Lost: Another process is gone.
    """
    if state().num_processes == 1:
        return compute()
    found = compute() if main() else None
    return _together(lambda: broadcast_object_list([found])[0])


def clock() -> float:
    """Return the main process's monotonic clock, so that all stop at the same step."""
    return agreed(time.monotonic())


@contextmanager
def first() -> Iterator[None]:
    """Let the main process go through the `with` block before the others."""
    with state().main_process_first():
        yield


def interruptible() -> None:
    """Let the launcher, which ends the others when one process dies, end this one with a word.

    It may be faster than the broken connection. Main thread only.
    """
    if state().num_processes > 1:
        signal.signal(signal.SIGTERM, _ended)


def _ended(number: int, frame: object) -> None:
    raise Lost(_GONE)


def wait() -> None:
    """Wait until all processes are here.

    Raises:
        Lost: Another process is gone.
    """
    if state().num_processes > 1:
        _together(state().wait_for_everyone)


def leave() -> None:
    """Wait for all, then part from them: one that leaves early would take the others' connection with it."""
    if state().num_processes > 1:
        wait()
        state().destroy_process_group()


def _together(talk: Callable[[], R]) -> R:
    try:
        return talk()
    except RuntimeError as error:  # all that torch.distributed raises where a connection breaks
        raise Lost(_GONE) from error
