"""What a method gets: the plan with its dials, and the task with the model and the data that it may look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.engine import Engine, fast_matmul, token_loss
from fairhub.inputs.batches import Batch
from fairhub.inputs.data import Ground
from fairhub.inputs.probes import Probe
from fairhub.model.loading import Loaded
from fairhub.run.folder import Run, digest
from fairhub.run.memory import Memory
from fairhub.run.progress import Progress
from fairhub.search.annealing import Step


@dataclass(frozen=True)
class Plan:
    """The dials of a recipe, fixed before it starts."""

    budget: float = 0.02
    """How much perplexity may rise, relative; a search breaks it one time in ten at most (`methods.choosing`)."""
    heal: bool | None = None
    """Refit the columns that stay, or not; None leaves it to the method (`defaults.HEALS`): the published do not. Plans
    of before always said which."""
    energy: str = ""
    """What the annealer lowers: robust, weighted or step; empty leaves it to the method."""
    epsilon: float = 0.5
    """Weight of bias against utility in the weighted energy."""
    kappa: float = 1.0
    """How many standard errors over clusters are added to the mean of the energy."""
    exchange: float = 20.0
    """What a nat of loss a token costs in the energy, in log units of divergence."""
    heads: int = 24
    """Heads in the pool."""
    neurons: int = 8
    """Neurons in the pool."""
    specific: float = 0.7
    """How much of what a unit does to control probes is taken off its gain: duller is not fairer."""
    most: int = 16
    """Units removed at most."""
    steps: int = 3000
    """Annealing steps on first-order effects."""
    real_steps: int = 18
    """Annealing steps on the real model; 0 leaves it to what first-order effects say."""
    masks: int = 240
    """Head masks measured for the surrogates (attention_pruning)."""
    rounds: int = 8
    """Times at most that the surrogates' winners are measured and learned from."""
    chains: int = 250
    """Annealing chains on the surrogates, for each energy."""
    chain_steps: int = 1000
    """Steps of each."""
    erasures: tuple[float, ...] = (0.03, 0.06, 0.1, 0.18, 0.32, 0.56, 1.0, 1.8, 3.2, 5.6, 10.0)
    """Strengths of two-sided erasure that are tried, weak to strong."""
    strength: float | None = None
    """Strength of erasure that a person took; None chooses on select."""
    front: tuple[Mapping[str, Any], ...] = ()
    """Where it was taken from: what an earlier run measured on select."""
    whole_front: bool = False
    """Measure every strength on select, also those that are weaker than the one taken, or too dear."""
    also: str = ""
    """`systematic`: a group's name is to change less everywhere, not in judgements alone; empty leaves that."""
    keep: str = ""
    """How much of what must stay may be lost: "0.05" of every family, or "merit=0.1,recall=0.02"; empty leaves the
    limits as they are (`keep.LIMITS`)."""
    guards: tuple[float, ...] = (0.05, 0.1, 0.17, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
    """Strengths of the guard that are tried, weak to strong."""
    seconds: float | None = None
    """Bound on the annealing on the real model; for attention_pruning on the whole search, measuring and training
    included. None leaves it to the counts."""
    seed: int = 0
    bias: str = "divergence"
    """What FASP and bias_only score heads by: divergence, attribute or toxicity."""
    units: int | None = None
    """How many heads FASP and the papers' controls remove; None chooses a number within the budget on select."""
    shrink: bool = False
    """Cut out the neurons that are gone from every layer, instead of leaving zeros."""
    multiple: int | None = None
    """What the width stays a multiple of; None takes it from the model (`editing.shrink_`)."""
    per_layer: bool = False
    """Fairness Pruning: let annealing find how many neurons go from each layer."""
    alternatives: bool = True
    """Make what the report compares the repair with."""
    variant: str = ""
    """What departs from the publication, as "name=value, ..."; see `fairness_pruning.Recipe` and
    `breaking_down_bias.Recipe`."""


@dataclass(frozen=True, eq=False)
class Task:
    """What a recipe may look at: the model, the search and select probes, neutral text, and where it may keep notes."""

    loaded: Loaded
    search: Sequence[Probe]
    search_batches: Sequence[Batch]
    screen: Sequence[Probe]
    """The search probes that units are scored on (a stratified part)."""
    screen_batches: Sequence[Batch]
    sample: Sequence[Probe]
    """The search probes that annealing on the real model asks at every step."""
    sample_batches: Sequence[Batch]
    control: Sequence[Probe]
    """The control probes of search that units are scored on."""
    control_screen_batches: Sequence[Batch]
    control_batches: Sequence[Batch]
    """All control probes of search: what healing must keep."""
    select: Sequence[Probe]
    """Demographic and control probes of the select split."""
    select_batches: Sequence[Batch]
    text: Sequence[Batch]
    """Neutral text that healing is fitted on."""
    select_text: Sequence[Batch]
    select_documents: Sequence[str]
    """The document of each of its chunks: what a promise about other text is drawn over."""
    fit: Ground
    """Of search: where judgements are read and what must stay."""
    choose: Ground
    """The same of select."""
    fit_text: Tensor
    """[chunks, tokens] neutral text of search whose next tokens an erasure keeps."""
    batched: Callable[..., Sequence[Batch]]
    """Makes batches of probes, of so many tokens where a number is given."""
    run: Run
    progress: Callable[[str, int], Progress]
    """Opens a progress bar: what is done and how many tokens or steps it takes."""
    shown: Sequence[str] = ()
    """Texts of select, pairs side by side, that every candidate goes on with, for a person who chooses among them."""
    lead: str = ""
    """What the prompt format puts in front of each."""
    memory: Memory = field(default_factory=Memory)
    """What was measured of the untouched model before, by any run."""
    shared: Run | None = None
    """Where what hangs on the model and a text or probe alone is remembered, for several tasks; None keeps it in
    `run`."""

    @property
    def model(self) -> PreTrainedModel:
        """The base model."""
        return self.loaded.model

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Its tokenizer."""
        return self.loaded.tokenizer

    @property
    def of_model(self) -> Run:
        """Where what hangs on the model and a text or probe alone is remembered."""
        return self.shared or self.run

    def by_probe(
        self, stage: str, probes: Sequence[Probe], compute: Callable[[Sequence[Probe]], Mapping[str, np.ndarray]]
    ) -> dict[str, np.ndarray]:
        """Return arrays with a row a probe of what the untouched model does: each probe is asked once a model."""
        keys = [digest(probe.text_a, probe.text_b) for probe in probes]
        return self.of_model.rows(stage, keys, lambda places: compute([probes[place] for place in places]))

    def base_loss(self, name: str, batches: Sequence[Batch]) -> np.ndarray:
        """Return the untouched model's loss of every chunk of a named text, nats a token: measured once a model."""

        def compute() -> dict[str, np.ndarray]:
            with fast_matmul():
                return {"loss": Engine(self.model, batches, token_loss, cache_bytes=0).values([frozenset()])[0]}

        return self.of_model.arrays(f"base_loss_{name}", compute)["loss"]

    def course(self, what: str, steps: int) -> Callable[[Step], None]:
        """Return what is told of every step of an annealing: it moves a bar and writes the trace as it grows."""
        bar, note = self.progress(what, steps), self.run.notes("trace")

        def on_step(step: Step) -> None:
            note(step.as_dict())
            bar(1)

        return on_step
