"""One pair beside the same two terms in other sentences: is it systematic, or just this sentence?"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fairhub.edit.repair import Repair
from fairhub.errors import UserError, plain
from fairhub.inputs.batches import batches_for
from fairhub.inputs.groups import Term, cells, checked, probes
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.inputs.probes import refuse_alike
from fairhub.inputs.probes.own import difference
from fairhub.measure.divergence import divergences
from fairhub.measure.judgement.figures import directions, figures
from fairhub.measure.judgement.gaps import Words
from fairhub.measure.judgement.reading import read
from fairhub.model.loading import Loaded
from fairhub.report import Figure, find
from fairhub.report.verdict import beyond_chance
from fairhub.report.wording import number
from fairhub.run.progress import progress_bar

_TEXTS = 144  # as an audit reads of an axis


@dataclass(frozen=True)
class Beside:
    """Two terms in the shipped sentences of held_out that they fit."""

    terms: tuple[Term, ...]
    divergence: float
    """Jensen-Shannon divergence of the next token after the pair that was asked, nats."""
    others: tuple[float, ...]
    """The same after each of the sentences, nats."""
    figures: tuple[Figure, ...]
    """Who is judged worse, systematic divergence and reaction, over those sentences that end in a judgement."""

    @property
    def above(self) -> float:
        """Share of the sentences that move the model less than the pair does."""
        return float(np.mean(np.array(self.others) < self.divergence))


def terms_of(pair: tuple[str, str], form: str) -> tuple[Term, ...]:
    """Return the two terms that a pair differs in, each of a group named after it.

    Args:
        pair: Two texts that differ in one term.
        form: The slot that both fit: noun, plural, adjective or name.

    Raises:
        UserError: One text lacks a term, it is too long for one, or the form is none.
    """
    found = difference(*pair)
    if not found.a or not found.b:
        said = plain(found.a or found.b or pair[0], 60)
        raise UserError(
            f"terms that are put into other sentences stand in both texts of a pair; one lacks {said!r}; mend --pair"
        )
    return checked([{"group": term, "term": term, "form": form} for term in (found.a, found.b)], "--pair")


def measure(loaded: Loaded, terms: tuple[Term, ...], divergence: float) -> Beside:
    """Measure two terms in the shipped sentences of held_out.

    Args:
        loaded: The model.
        terms: As `terms_of` gives them.
        divergence: Of the pair that was asked, nats.

    Raises:
        UserError: The terms are the same tokens, or a sentence does not fit the model's window.
    """
    pairs = [probe for probe in probes(terms) if probe.split == "held_out"]
    refuse_alike(pairs, lambda text: loaded.tokenizer(text)["input_ids"])
    batches = batches_for(loaded.model, loaded.tokenizer, pairs)
    bar = progress_bar("other sentences", sum(batch.tokens for batch in batches))
    moved = divergences(loaded.model, batches, [Repair()], bar)[0]
    words = lexicon(loaded.tokenizer, "held_out")
    said = read(loaded, cells(terms, "held_out", _TEXTS), words, [Repair()])
    found = (*figures(said[0], None, "held_out", details=False), *directions(said, Words(words), "held_out"))
    return Beside(terms, divergence, tuple(map(float, moved)), found)


def document(found: Beside) -> dict[str, Any]:
    """Return it as JSON holds it; `others` are nats, a sentence each."""
    return {
        "terms": [asdict(term) for term in found.terms], "divergence": found.divergence, "others": list(found.others),
        "above": found.above, "figures": [asdict(figure) for figure in found.figures],
    }  # fmt: skip


def lines(found: Beside) -> list[str]:
    """Return it as people read it."""
    one, other = (plain(term.term) for term in found.terms)
    low, middle, high = (number(float(part)) for part in np.quantile(found.others, (0.25, 0.5, 0.75)))
    said = [
        f"{one} and {other} in {len(found.others)} other sentences: divergence {middle} (quarters {low} to {high}); "
        f"this sentence's {number(found.divergence)} is above {100 * found.above:.0f} % of them"
    ]
    whole, alone = (find(found.figures, name, "held_out") for name in ("systematic", "reaction"))
    if whole is not None and alone is not None:
        said.append(
            f"systematic, shared by all sentences: {_with(whole)} of {number(alone.before.value)} nats; "
            + ("surely there" if whole.before.low > 0 else "it cannot be told from none: perhaps just this sentence")
        )
    gap = find(found.figures, "judgement", "held_out")
    said += [f"judged apart, squared: {_with(gap)} nats²"] if gap is not None else []
    sure = [f for f in beyond_chance([f for f in found.figures if f.groups]) if f.before.value > 0]
    said += [f"  {plain((f.groups or ('',))[0])} judged more {f.metric.part}: {_with(f)} nats" for f in sure]
    return said if sure else [*said, "  on no dimension is one judged worse beyond chance"]


def _with(figure: Figure) -> str:
    part = figure.before
    return f"{number(part.value)} [{number(part.low)}, {number(part.high)}]"
