"""Which cases of a matrix every run of the tests covers; the others have the marker `wide` (`make test-wide`)."""

from collections.abc import Iterable
from typing import Any

import pytest


def wide_but(cases: Iterable[Any], *often: Any) -> list[Any]:
    """The cases as parameters of a test: these in every run, the others wide."""
    return [pytest.param(case, marks=() if case in often else pytest.mark.wide) for case in cases]


def one_in(count: int, cases: Iterable[Any], *often: Any) -> list[Any]:
    """The cases as parameters of a test: one of so many and these in every run, the others wide."""
    listed = list(cases)
    return wide_but(listed, *listed[::count], *often)
