"""`fairhub.audit`: measures a model, and leaves it exactly as it was."""

from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.sizes import Sizes, of_audit
from fairhub.measure.benchmarks.suite import gather
from fairhub.model.loading import Loaded, lent
from fairhub.pipeline import examine as measured
from fairhub.pipeline import remembered
from fairhub.python.given import groups, names, path
from fairhub.report import Audit
from fairhub.request import Request, refuse_chat


def audit(
    model: Loaded | PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None = None, *,
    axes: str | Sequence[str] = (), own: str | Path = "", probes: Path | str | None = None,
    text: Path | str | None = None, suite: str | None = None, rows: Path | str | None = None, chat: str = "auto",
    system: str | None = None, sizes: Sizes | None = None, name: str = "", remember: bool = False,
) -> Audit:  # fmt: skip
    """Measure whom a model judges worse and what it knows, on prompts that no repair ever searched.

    The model is put into evaluation mode meanwhile. Afterwards its weights, the mode of each module, what requires a
    gradient, hooks and device are as they were, also where the measurement was interrupted. It is measured where it
    is, and as it answers now, with what hooks do to it.

    Args:
        model: What `fairhub.load` returned, or a causal language model of transformers.
        tokenizer: Of the latter.
        axes: Only these: gender, race ...; empty for all.
        own: Groups of your own: "nurses: nurse, male nurse; surgeons: surgeon", or the path of a file of terms.
        probes: A file of your own pairs, beside the shipped ones.
        text: A file of your own neutral text, documents separated by blank lines.
        suite: Public benchmarks too: quick, standard or full.
        rows: A folder with rows of benchmarks.
        chat: Whether the model is asked in its chat template: on, off, or auto, where it has one.
        system: The chat's system prompt.
        sizes: How many prompts are used; None takes as many as the command line.
        name: What a model in memory goes by; empty takes what it says of itself.
        remember: Take over what was measured before of the same weights, texts and code, and keep what is measured.
            Not where hooks of your own, or a forward of your own, change what the model says: nothing sees those.

    Raises:
        UserError: A mistake that can be mended; the message is one line.
    """
    refuse_chat(chat, system)
    request = Request(
        "audit", names(axes), probes=path(probes), text=path(text), suite=suite, rows=path(rows),
        sizes=sizes or of_audit(suite), chat=chat, system=system, own=groups(own),
    )  # fmt: skip
    wanted = gather(suite, request.rows) if suite is not None else None
    with lent(model, tokenizer, name) as loaded:
        return measured(loaded, request, wanted, remembered() if remember else None)
