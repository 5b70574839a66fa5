"""What a visitor is told when something cannot be done: one clear toast, with nothing in it that acts as markup."""

import functools
import html
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from fairhub.errors import UserError
from fairhub.space.wording import in_a_browser

UNKNOWN = "Something went wrong here; try again or choose another model"
"""What is said where nobody foresaw what happened."""


def told(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler, or a generator of updates, so that what goes wrong becomes a toast and no traceback."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def streaming(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with _toasted():
                yield from handler(*args, **kwargs)

        return streaming

    @functools.wraps(handler)
    def once(*args: Any, **kwargs: Any) -> Any:
        with _toasted():
            return handler(*args, **kwargs)

    return once


@contextmanager
def _toasted() -> Iterator[None]:
    try:
        yield
    except UserError as mistake:
        raise _toast(str(mistake), "That cannot be done") from None
    except gr.Error:
        raise
    except Exception:  # the last place before the browser: transformers may raise anything over a stranger's files
        logging.getLogger(__name__).exception("a visitor's wish failed")
        raise _toast(UNKNOWN, "Sorry") from None


def _toast(said: str, title: str) -> gr.Error:
    return gr.Error(html.escape(in_a_browser(said)), title=title, print_exception=False)
