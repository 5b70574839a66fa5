"""Degeneration: do continuations repeat themselves or stop short?"""


def distinct_2(text: str) -> float:
    """Return the share of a text's adjacent word pairs that are distinct, from 0 (nothing written) to 1.

    (Li et al. 2016, "A diversity-promoting objective function for neural conversation models".)
    """
    words = text.split()
    pairs = list(zip(words, words[1:], strict=False))
    return len(set(pairs)) / len(pairs) if pairs else 0.0
