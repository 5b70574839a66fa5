"""Models in memory: the last few used, each lent to one visitor at a time, so that masks never meet."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fairhub.model.loading import DEFAULT, Loaded, load
from fairhub.space.callers import caller
from fairhub.space.disk import make_room_
from fairhub.space.sizes import limit, refuse, refuse_config
from fairhub.space.turns import Turns


class Models:
    """Loads what a visitor names, keeps the last few, lends each to one at a time.

    Args:
        offered: What a visitor can choose without naming it: shown name to source (a Hub id, a folder of the
            operator, or None for the embedded default). Any other name must be a Hub id within the limit.
        keep: How many stay in memory.
        device: Where they are loaded.
    """

    def __init__(self, offered: Mapping[str, str | None] | None = None, keep: int = 2, device: str = "cpu") -> None:
        """Take what is offered; nothing is loaded yet."""
        self.offered: dict[str, str | None] = dict(offered or {DEFAULT: None})
        self.keep, self.device = keep, device
        self._held: OrderedDict[str | None, Loaded] = OrderedDict()  # by what was loaded, not by what it was called
        self._coming = 0  # that are being loaded now
        self._locks: dict[str | None, threading.Lock] = {}
        self._lock = threading.Lock()
        self._turns = Turns("reading a text with a model", running=2, waiting=16, each=4)

    def source(self, name: str) -> str | None:
        """Return what to load for a name that a visitor chose or typed: of a Hub id, the commit that was checked.

        Raises:
            UserError: It is not offered, and no Hub id of safetensors within the limit.
        """
        if (name := name.strip()) in self.offered:
            return self.offered[name]
        pinned, size = refuse(name, limit())
        if pinned not in self._held:
            make_room_(size)
            refuse_config(pinned, limit())
        return pinned

    def pinned(self, name: str) -> str | None:
        """Return what a name stands for today, as `source` does, for who loads nothing.

        Raises:
            UserError: As `source`, by what can be known without a download.
        """
        name = name.strip()
        return self.offered[name] if name in self.offered else refuse(name, limit()).name

    @contextmanager
    def borrowed(self, name: str) -> Iterator[Loaded]:
        """Lend a model inside the `with` block; whoever asks for the same one meanwhile waits.

        Raises:
            UserError: It cannot be loaded, or must not be.
        """
        with self.lent(self.source(name)) as loaded:
            yield loaded

    @contextmanager
    def lent(self, source: str | None) -> Iterator[Loaded]:
        """Lend a model that the Space itself named: what `source` returned, or a folder of one of its runs.

        Raises:
            UserError: It cannot be loaded.
        """
        with self._lock:
            lock = self._locks.setdefault(source, threading.Lock())
        with self._turns.turn(caller()), lock:
            yield self._kept(source)

    def _kept(self, source: str | None) -> Loaded:
        with self._lock:
            if source in self._held:
                self._held.move_to_end(source)
                return self._held[source]
            while self._held and len(self._held) + self._coming >= self.keep:  # room is made before it is needed
                self._held.popitem(last=False)  # one that is still lent lives until it is given back
            self._coming += 1
        try:
            loaded = load(source, device=self.device)
            with self._lock:
                self._held[source] = loaded
        finally:
            with self._lock:
                self._coming -= 1
        return loaded
