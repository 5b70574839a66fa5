"""Which cases of a matrix every run of the tests covers; the others have the marker `wide` (`make test-wide`)."""

from collections.abc import Iterable
from typing import Any

import pytest


def wide_but(cases: Iterable[Any], *often: Any) -> list[Any]:
    """The cases as parameters of a test: these in every run, the others wide."""
    return [pytest.param(case, marks=() if case in often else pytest.mark.wide) for case in cases]


def one_in(count: int, cases: Iterable[Any]) -> list[Any]:
    """The cases as parameters of a test: one of so many in every run, beginning with the first, the others wide."""
    return [pytest.param(case, marks=pytest.mark.wide if n % count else ()) for n, case in enumerate(cases)]
