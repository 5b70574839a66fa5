"""The body of `fairhub audit --names`: asks a model about names, and says how far its answers lie apart."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fairhub.errors import UserError
from fairhub.measure.names.answers import Answers
from fairhub.measure.names.beside import ranks
from fairhub.measure.names.figures import name_figures
from fairhub.measure.names.likelihood import expected
from fairhub.measure.names.prompts import NamePrompt, public, shipped
from fairhub.measure.names.sampling import draws
from fairhub.model.loading import Loaded
from fairhub.report import Figure
from fairhub.run.progress import progress_bar


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
        """The prompts; of the shipped ones those about held-out names.

        Raises:
            UserError: An unknown scenario or level, none of both together, or a folder without the public set.
        """
        if self.folder is None:
            return shipped(self.scenarios, self.levels)
        every = public(self.folder)
        _refuse_other("scenario", self.scenarios, [p.scenario for p in every])
        _refuse_other("level", self.levels, [p.level for p in every])
        found = [p for p in every if p.level in self.levels and (not self.scenarios or p.scenario in self.scenarios)]
        if not found:
            raise UserError(
                f"an audit needs prompts; nothing is asked about {', '.join(self.scenarios)} at level "
                f"{', '.join(self.levels)}; mend --context or --level"
            )
        return found


def _refuse_other(what: str, asked: Sequence[str], there: Sequence[str]) -> None:
    """Refuse a scenario or level that the public set, whose names are not ours, has not.

    Raises:
        UserError: It has not; the line says which it has.
    """
    option = {"scenario": "--context", "level": "--level"}[what]
    for name in asked:
        if name not in there:
            known = ", ".join(dict.fromkeys(there)) or "nothing"
            raise UserError(f"a {what} must be in just_prompts.csv, which has {known}; got {name!r}; mend {option}")


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
