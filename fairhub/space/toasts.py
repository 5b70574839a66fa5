"""What a visitor is told when something cannot be done: one clear toast, with nothing in it that acts as markup."""

import functools
import html
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from fairhub.errors import UserError


def told(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler, or a generator of updates, so that a visitor's mistake becomes a toast and no traceback."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def streaming(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from handler(*args, **kwargs)
            except UserError as mistake:
                raise _toast(mistake) from None

        return streaming

    @functools.wraps(handler)
    def once(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except UserError as mistake:
            raise _toast(mistake) from None

    return once


def _toast(mistake: UserError) -> gr.Error:
    return gr.Error(html.escape(str(mistake)), title="That cannot be done", print_exception=False)
