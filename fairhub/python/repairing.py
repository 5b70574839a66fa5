"""`fairhub.repair`: repairs a copy of a model, or the model itself where that is asked, and writes the run folder."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.defaults import METHOD
from fairhub.errors import UserError, plain
from fairhub.inputs.judgement.scope import EVERYTHING, Scope
from fairhub.inputs.sizes import Sizes
from fairhub.methods import Plan, refuse_heal
from fairhub.model.loading import Loaded, lent
from fairhub.pipeline import repair as run
from fairhub.python.given import groups, names, path
from fairhub.report import Report
from fairhub.request import Request, refuse


def repair(
    model: Loaded | PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None = None, *, out: Path | str,
    method: str = METHOD, axes: str | Sequence[str] = (), contexts: str | Sequence[str] = (),
    scope: Scope = EVERYTHING, plan: Plan | None = None, own: str | Path = "", probes: Path | str | None = None,
    text: Path | str | None = None, suite: str | None = None, rows: Path | str | None = None, chat: str = "auto",
    system: str | None = None, sizes: Sizes | None = None, name: str = "", resume: bool = False, inplace: bool = False,
) -> Report:  # fmt: skip
    """Repair a model, prove it on prompts that the search never saw, and write the run folder.

    Args:
        model: What `fairhub.load` returned, or a causal language model of transformers.
        tokenizer: Of the latter.
        out: The run folder, never overwritten: the repaired model, the report, pictures, the recipe.
        method: How a repair is chosen (docs/methods.md).
        axes: Search only these: gender, race ...; the proof keeps all.
        contexts: Search only in these: hiring, lending ...; the proof keeps all.
        scope: Groups and dimensions that the search is restricted to.
        plan: The dials of the method: budget, keep, seed ...
        own: Groups of your own: "nurses: nurse, male nurse; surgeons: surgeon", or the path of a file of terms.
        probes: A file of your own pairs, beside the shipped ones.
        text: A file of your own neutral text, documents separated by blank lines.
        suite: Public benchmarks too: quick, standard or full.
        rows: A folder with rows of benchmarks.
        chat: Whether the model is asked in its chat template: on, off, or auto, where it has one.
        system: The chat's system prompt.
        sizes: How many prompts each stage uses; None takes as many as the command line.
        name: What a model in memory goes by; empty takes what it says of itself.
        resume: Go on with a run that was stopped: the same arguments and weights.
        inplace: Whether the model itself is repaired. Else a copy is, which needs the model's memory a second time,
            and the model stays as it was: load the repaired one from `out`/model.

    Raises:
        UserError: A mistake that can be mended, one line; what was found so far stays in the folder for `resume`.
    """
    request = Request(
        method, names(axes), names(contexts), path(probes), path(text), plan or Plan(), sizes or Sizes(), suite,
        path(rows), scope, chat, system, groups(own),
    )  # fmt: skip
    refuse(request)
    refuse_heal(method, request.plan.heal)
    with lent(model, tokenizer, name) as loaded:
        return run(loaded if inplace else _copied(loaded), request, out, resume=resume)


def _copied(loaded: Loaded) -> Loaded:
    try:
        return replace(loaded, model=copy.deepcopy(loaded.model))
    except (RuntimeError, TypeError) as error:  # no room, or parts that cannot be copied
        raise UserError(
            f"a model is copied before it is repaired; {loaded.id} was not ({plain(error, 200)}); free memory, or use "
            "inplace=True"
        ) from error
