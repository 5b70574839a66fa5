"""A bound on how long the Hub may be silent: the client's own sessions would wait for ever."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import close_session, set_client_factory
from huggingface_hub.utils._http import default_client_factory


@contextmanager
def patient(seconds: float | None) -> Iterator[None]:
    """Wait at most so long for each answer of the Hub inside the `with` block; None leaves the sessions as they are.

    The client has one session for the whole process: where several threads speak to the Hub, set it once by
    `stay_patient_` instead, since the end of the block closes the session for all of them.
    """
    if seconds is None:
        yield
        return
    stay_patient_(seconds)
    try:
        yield
    finally:
        set_client_factory(default_client_factory)
        close_session()


def stay_patient_(seconds: float) -> None:
    """Wait at most so long for each answer of the Hub, from now on, in the whole process."""
    set_client_factory(_factory(seconds))


def _factory(seconds: float) -> Callable[[], httpx2.Client]:
    def factory() -> httpx2.Client:
        client = default_client_factory()
        client.timeout = httpx2.Timeout(seconds)
        return client

    return factory
