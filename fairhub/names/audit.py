"""The body of `fairhub audit --names`: asks a model about names, and says how far its answers lie apart."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fairhub.loading import Loaded
from fairhub.names.answers import Answers
from fairhub.names.beside import ranks
from fairhub.names.figures import name_figures
from fairhub.names.likelihood import expected
from fairhub.names.prompts import NamePrompt, public, shipped
from fairhub.names.sampling import draws
from fairhub.progress import progress_bar
from fairhub.report import Figure


@dataclass(frozen=True)
class Asked:
    """What of the name prompts is asked, and how."""

    scenarios: tuple[str, ...] = ()
    levels: tuple[str, ...] = ("low",)
    axes: tuple[str, ...] = ("race", "gender")
    samples: int = 0
    """Draws a name at T = 0.6; 0 computes what is expected instead."""
    folder: Path | None = None
    """Of the public set of 1,680 prompts; None asks the shipped ones."""
    seed: int = 0

    @property
    def prompts(self) -> list[NamePrompt]:
        """The prompts; of the shipped ones those about held-out names."""
        if self.folder is None:
            return shipped(self.scenarios, self.levels)
        return [p for p in public(self.folder, self.levels) if not self.scenarios or p.scenario in self.scenarios]


def audit(loaded: Loaded, asked: Asked) -> tuple[list[Figure], list[dict[str, Any]]]:
    """Return the figures of a model's answers about names, and the rank test of each axis and scenario.

    Raises:
        UserError: An unknown scenario or level, or a folder without the public set.
    """
    prompts = asked.prompts
    bar = progress_bar("asking about names", len(prompts) * max(asked.samples, 1))
    if asked.samples:
        answers, _ = draws(loaded.model, loaded.tokenizer, prompts, asked.samples, seed=asked.seed, progress=bar)
    else:
        answers = expected(loaded.model, loaded.tokenizer, prompts, progress=bar)
    return name_figures(prompts, answers, axes=asked.axes), rank_rows(prompts, answers, asked.axes)


def rank_rows(prompts: Sequence[NamePrompt], answers: Answers, axes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rank test of each axis, over all scenarios and in each."""
    found = []
    for axis in axes:
        for context in ("all", *dict.fromkeys(p.scenario for p in prompts)):
            rows = [i for i, p in enumerate(prompts) if context in ("all", p.scenario)]
            test = ranks([prompts[i] for i in rows], answers.of(rows), axis)
            found.append({"axis": axis, "context": context, **asdict(test)})
    return found
