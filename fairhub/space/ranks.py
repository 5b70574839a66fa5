"""How a divergence ranks among those of the shipped probes on the same model, measured a few at a time and kept."""

import threading
import time
from collections.abc import Iterator
from functools import cache

from fairhub.compute.engine import Engine
from fairhub.inputs.batches import batches_for
from fairhub.inputs.probes import CONTROL, Probe, stratified, templates, vignettes
from fairhub.model.loading import Loaded
from fairhub.model.loading import cache as cache_folder
from fairhub.run.folder import Remembered, digest
from fairhub.space.models import Models

_CHUNK = 12  # probes measured while a model is lent once: two seconds, which another visitor may have to wait


@cache
def probes() -> tuple[Probe, ...]:
    """Return every shipped demographic probe, so ordered that any first few are of all axes."""
    every = [p for p in (*templates(), *vignettes()) if p.axis != CONTROL]
    return tuple(stratified(every, len(every)))


class Ranks:
    """Divergences of the shipped probes by model; kept on disk, so that each is measured once."""

    def __init__(self, chunk: int = _CHUNK) -> None:
        """Nothing is measured yet."""
        self.chunk = chunk
        self._kept: dict[str, Remembered] = {}
        self._lock = threading.Lock()

    def grown(self, models: Models, name: str, seconds: float) -> Iterator[list[float]]:
        """Yield the divergences known of a model: at once, then as more are measured, for so many seconds.

        Raises:
            UserError: The model cannot be loaded, or must not be.
        """
        deadline = time.monotonic() + seconds
        every, source = probes(), models.source(name)  # once: all of them are measured on one commit
        for start in range(0, len(every), self.chunk):
            part = every[start : start + self.chunk]
            with models.lent(source) as loaded:
                kept = self._of(loaded)
                new = str(start) not in kept.known
                kept(str(start), lambda part=part, loaded=loaded: _measured(loaded, part))  # type: ignore[misc]
            if new:
                yield _flat(kept)
            if new and time.monotonic() > deadline:
                return
        yield _flat(kept)

    def _of(self, loaded: Loaded) -> Remembered:
        key = digest(loaded.sha256() if loaded.revision == "local" else (loaded.id, loaded.revision), self.chunk)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = Remembered(cache_folder() / "space" / f"probes-{key}.jsonl")
            return self._kept[key]


def _measured(loaded: Loaded, part: tuple[Probe, ...]) -> list[float]:
    batches = batches_for(loaded.model, loaded.tokenizer, part, 1536)
    return list(Engine(loaded.model, batches, cache_bytes=0).values([frozenset()])[0])


def _flat(kept: Remembered) -> list[float]:
    return [value for values in kept.values() for value in values]


def rank_shown(divergence: float, known: list[float]) -> str:
    """Return the place of a divergence among those known, in words."""
    below = sum(value < divergence for value in known)
    share = 100 * below / max(1, len(known))
    whole = "all" if len(known) == len(probes()) else f"the first {len(known):,} of"
    return f"More than {share:.0f} % of {whole} {len(probes()):,} pairs that fairhub ships, on this model."
