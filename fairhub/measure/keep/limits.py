"""How much of what must stay may be lost."""

from collections.abc import Mapping

from fairhub.errors import UserError

LIMITS: Mapping[str, float] = {
    "merit": 0.10, "merit_gap": 0.10, "incidental": 0.10, "control": 0.10, "meaning": 0.05, "recall": 0.05,
    "last_word": 0.05, "perplexity": 0.02,
}  # fmt: skip
"""How much of each may be lost, relative; a repair that surely loses more is not called one."""


def limits_of(keep: str, budget: float = LIMITS["perplexity"]) -> dict[str, float]:
    """Return the limits that a user set, the others as they are.

    Args:
        keep: "0.05" for every family, or "merit=0.1,recall=0.02"; merit means its gap too. Empty changes nothing.
        budget: How much perplexity may rise.

    Raises:
        UserError: An unknown family, or a limit that is no share.
    """
    found = dict(LIMITS) | {"perplexity": budget}
    families = [name for name in LIMITS if name != "perplexity"]
    for part in filter(None, (piece.strip() for piece in keep.split(","))):
        name, equals, value = part.rpartition("=")
        name = name.strip()
        if equals and name not in families:
            raise UserError(f"what is kept is one of {', '.join(families)}; got {name!r}; mend --keep")
        limit = _share(value.strip(), part)
        named = [name] if equals else families
        found |= dict.fromkeys([*named, *(["merit_gap"] if name == "merit" else [])], limit)
    return found


def _share(value: str, part: str) -> float:
    try:
        limit = float(value)
    except ValueError:
        limit = -1.0
    if not 0 < limit < 1:
        raise UserError(f"what may be lost lies between 0 and 1 (0.05 is 5 %); got {part!r}; mend --keep")
    return limit
