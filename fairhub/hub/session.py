"""A bound on how long the Hub may be silent: the client's own sessions would wait for ever."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import close_session, set_client_factory
from huggingface_hub.utils._http import default_client_factory


@contextmanager
def patient(seconds: float) -> Iterator[None]:
    """Wait at most so long for each answer of the Hub inside the `with` block."""

    def factory() -> httpx2.Client:
        client = default_client_factory()
        client.timeout = httpx2.Timeout(seconds)
        return client

    set_client_factory(factory)
    try:
        yield
    finally:
        set_client_factory(default_client_factory)
        close_session()
