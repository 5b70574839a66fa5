"""Models in memory: the last few used, each lent to one visitor at a time, so that masks never meet."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fairhub.loading import DEFAULT, Loaded, load
from fairhub.space.sizes import limit, refuse


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
        self._held: OrderedDict[str, Loaded] = OrderedDict()
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def source(self, name: str) -> str | None:
        """Return what to load for a name that a visitor chose or typed.

        Raises:
            UserError: It is not offered, and no Hub id of safetensors within the limit.
        """
        name = name.strip()
        if name in self.offered:
            return self.offered[name]
        if name not in self._held:
            refuse(name, limit())
        return name

    @contextmanager
    def borrowed(self, name: str) -> Iterator[Loaded]:
        """Lend a model inside the `with` block; whoever asks for the same one meanwhile waits.

        Raises:
            UserError: It cannot be loaded, or must not be.
        """
        with self.lent(name.strip(), self.source(name)) as loaded:
            yield loaded

    @contextmanager
    def lent(self, name: str, source: str | None) -> Iterator[Loaded]:
        """Lend a model that the Space itself named, such as one in a visitor's own folder.

        Raises:
            UserError: It cannot be loaded.
        """
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            yield self._kept(name, source)

    def _kept(self, name: str, source: str | None) -> Loaded:
        with self._lock:
            loaded = self._held.get(name)
        if loaded is None:
            loaded = load(source, device=self.device)
        with self._lock:
            self._held[name] = loaded
            self._held.move_to_end(name)
            while len(self._held) > self.keep:
                self._held.popitem(last=False)  # one that is still lent lives until it is given back
        return loaded
