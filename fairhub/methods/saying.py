"""How candidates go on with a few texts of select, for a person who chooses among them by eye."""

from collections.abc import Callable

import numpy as np

from fairhub.compute.greedy import continuations
from fairhub.edit.repair import Repair, applied
from fairhub.search.task import Task

_TOKENS = 24
Said = tuple[dict[str, str], ...]
"""`prompt`, and how the model goes on `before` and `after`: rows as a report's `text` has them."""


class Sayings:
    """Continues the texts that a task shows; what was said is remembered by the run.

    Args:
        task: What a method may see; where it shows no texts nothing is computed.
    """

    def __init__(self, task: Task) -> None:
        """Take the task; nothing is said yet."""
        self._task = task

    def of(self, name: str, build: Callable[[], Repair]) -> Said:
        """Return what a candidate makes of the texts, beside the base model; it is built where that is not known.

        Args:
            name: Of the candidate, in its run.
            build: Makes it.
        """
        if not self._task.shown:
            return ()
        before, after = self._spoken("base", Repair), self._spoken(name, build)
        told = zip(self._task.shown, before, after, strict=True)
        return tuple({"prompt": p.removeprefix(self._task.lead), "before": b, "after": a} for p, b, a in told)

    def _spoken(self, name: str, build: Callable[[], Repair]) -> list[str]:
        task = self._task

        def compute() -> dict[str, object]:
            with applied(task.model, build()):
                return {"said": np.array(continuations(task.model, task.tokenizer, task.shown, _TOKENS))}

        return [str(text) for text in task.run.arrays(f"said_{name}", compute)["said"]]
