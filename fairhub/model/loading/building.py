"""Lets one thread at a time build a model: transformers changes the whole process meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging

_BUILDING = threading.RLock()


@contextmanager
def exclusive() -> Iterator[None]:
    """Let one thread at a time build models, and keep transformers' own report of what it read off stderr.

    While it builds one, transformers changes what holds for the whole process: how weights are tied, the default type,
    what it reports. Two threads that do so at once leave weights untied, unwritten, and so for every later model.
    """
    with _BUILDING:
        before = logging.get_verbosity()
        logging.set_verbosity_error()
        try:
            yield
        finally:
            logging.set_verbosity(before)
