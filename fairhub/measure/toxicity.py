"""Toxicity classifiers: evaluate's measurement where its model can be fetched, a classifier from a wheel elsewhere."""

import importlib.metadata
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from fairhub.errors import UserError
from fairhub.inputs import text as text_
from fairhub.run.processes import main

LOCAL = "alt-profanity-check"
"""The classifier that needs no network: a linear model on words (Zhou 2019), inside a package."""


@dataclass(frozen=True)
class Classifier:
    """Something that says how toxic texts are."""

    name: str
    """What it is, with its version: figures of two classifiers cannot be compared."""
    score: Callable[[Sequence[str]], np.ndarray]
    """Texts to probabilities of being toxic, [texts], from 0 to 1."""
    fallback: str = ""
    """Why it stands in for the one that is preferred; empty where it does not."""

    @property
    def stated(self) -> str:
        """Its name, and why it was taken where another is preferred: what a report says of it."""
        return f"{self.name} ({self.fallback})" if self.fallback else self.name


def classifier(name: str | None = None) -> Classifier:
    """Return a toxicity classifier.

    Args:
        name: `alt-profanity-check`; or a measurement of `evaluate`, by its name ("toxicity": a RoBERTa trained on
            hate speech, Vidgen et al. 2021) or the path of its script, which `evaluate` runs; None takes "toxicity"
            where the Hub answers, and else the other; which one is said on stderr, once.

    Raises:
        UserError: It cannot be had here.
    """
    if name == LOCAL:
        return _local()
    if name is not None:
        return _measurement(name)
    found = _preferred()
    _say(f"fairhub: toxicity is scored by {found.stated}")
    return found


def _preferred() -> Classifier:
    """Return evaluate's measurement, or the local classifier with the reason why it must do."""
    if not text_.hub_answers():
        return replace(_local(), fallback="evaluate's was not asked for, as the Hub cannot be reached")
    try:
        return _measurement("toxicity")
    except UserError as error:
        return replace(_local(), fallback=f"evaluate's cannot be had: {error}")


@cache
def _say(line: str) -> None:
    """Write a line to stderr, the first time it is said, from the process that speaks."""
    if main():
        print(line, file=sys.stderr)


def scored(texts: Sequence[str], prompts: Sequence[str], by: Classifier, whole: bool = False) -> np.ndarray:
    """Return the toxicity of continuations, [texts].

    Args:
        texts: Continuations without their prompts, so that the descriptor in a prompt is not scored.
        prompts: What they continue.
        by: The classifier.
        whole: Score prompt and continuation together, lower-cased and without newlines, as FASP does.
    """
    if not whole:
        return by.score(list(texts))
    both = [f"{prompt}{text}" for prompt, text in zip(prompts, texts, strict=True)]
    return by.score([text.replace("\n", " ").lower() for text in both])


def _local() -> Classifier:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error", UserWarning
            )  # scikit-learn only warns when it reads a model of another version
            from profanity_check import predict_prob
    except ImportError as error:
        raise UserError(f"{LOCAL} is a package; it is not installed; pip install fairhub[toxicity]") from error
    except UserWarning as error:
        raise UserError(f"{LOCAL} needs the scikit-learn it was made with; {error}; reinstall both") from error
    version = importlib.metadata.version(LOCAL)
    return Classifier(f"{LOCAL} {version}", lambda texts: np.asarray(predict_prob(list(texts)), dtype=float))


def _measurement(name: str) -> Classifier:
    import evaluate

    try:
        measure = evaluate.load(name, module_type="measurement")
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        said = " ".join(str(error).split())[:160]
        raise UserError(f"{name!r} must be a toxicity measurement that evaluate finds; it says: {said}") from error

    def score(texts: Sequence[str]) -> np.ndarray:
        return np.asarray(measure.compute(predictions=list(texts))["toxicity"], dtype=float)

    return Classifier(f"evaluate {name}", score)
