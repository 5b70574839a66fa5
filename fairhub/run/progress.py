"""Progress: bars on stderr, and whoever watches a piece of work from outside, who may also end it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tqdm.auto import tqdm

from fairhub.run.processes import state

Progress = Callable[[int], None]
"""Gets how much more is done."""
Watch = Callable[[str, int, int], None]
"""Gets what is being done, how much of it is done, and of how much. What it raises ends the work."""
_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)
_sum: ContextVar[tqdm | None] = ContextVar("sum", default=None)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Tell `watch` of every step of progress inside the `with` block, on this thread."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


@contextmanager
def summed(what: str) -> Iterator[None]:
    """Show one bar, inside the `with` block, for all that are opened there: pieces of work that go in step."""
    bar = _bar(what, 0)
    token = _sum.set(bar)
    try:
        yield
    finally:
        _sum.reset(token)
        bar.close()


def progress_bar(what: str, total: int) -> Callable[[int], None]:
    """Open a progress bar, in a notebook where there is one, else on stderr; only the main process shows it."""
    whole = _sum.get()
    bar = _bar(what, total) if whole is None else whole
    if whole is not None:
        whole.total += total
    watch, done = _watch.get(), 0
    if watch:
        watch(what, 0, total)

    def advance(amount: int) -> None:
        nonlocal done
        done += amount
        bar.update(amount)
        if whole is None and bar.n >= total:
            bar.close()
        if watch:
            watch(what, done, total)

    return advance


def _bar(what: str, total: int) -> tqdm:
    return tqdm(
        total=total, desc=f"{what:<28}", file=sys.stderr, disable=not state().is_main_process,
        unit_scale=True, leave=False, mininterval=0.5,
    )  # fmt: skip
