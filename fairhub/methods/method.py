"""What a method is: its name, what it runs, what it may be asked, and the words and papers by which it is known."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fairhub.defaults import HEALS
from fairhub.methods.outcome import Outcome
from fairhub.search.task import Plan, Task


@dataclass(frozen=True)
class Method:
    """A way to choose a repair; called with a task and a plan it returns what it chose."""

    name: str
    """On the command line and in reports."""
    run: Callable[[Task, Plan], Outcome]
    title: str
    """What a card calls it."""
    what: str
    """What was done, in plain words, for a card; its first sentence is what a visitor of the Space reads."""
    papers: tuple[str, ...] = ()
    """Keys of `card.references` to cite."""
    anneals: bool = False
    """Whether `--energy` is of it."""
    heavy: bool = False
    """Whether it scores by gradient or keeps second moments: what memory is forecast by."""
    others: bool = False
    """Whether its report compares it with as many units chosen otherwise."""
    heals: bool = False
    """Whether `--heal` is of it."""
    erases: bool = False
    """Whether `--also` is of it."""
    variants: Callable[[str], object] | None = None
    """Reads `--variant`, and refuses what no run could be made with; None where it has no variants."""
    published: str = ""
    """The variant that is the publication's own setting, of a method that tries several where none is asked for."""

    def __call__(self, task: Task, plan: Plan) -> Outcome:
        """Choose."""
        return self.run(task, self.planned(plan))

    def planned(self, plan: Plan) -> Plan:
        """Return the plan with what it leaves to the method said."""
        return plan if plan.heal is not None else replace(plan, heal=self.name in HEALS)

    @property
    def sentence(self) -> str:
        """What it does, in one sentence."""
        return self.what.partition(". ")[0].rstrip(".") + "."
