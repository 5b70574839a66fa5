"""Renders a stranger's chat template in a process of its own: bounded in time and memory, with no secrets around it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from fairhub.errors import UserError, plain

_SECONDS = 5  # of a processor; honest templates take milliseconds
_PATIENCE = 50  # seconds for all, the start of the process included
_MEMORY = 1 << 30  # bytes more than the process has when it begins
_LONGEST = 200_000  # letters that are read back
_KEPT = ("PATH", "PYTHONPATH", "HOME", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "VIRTUAL_ENV")
"""Of the environment: what Python needs to start, and no token."""


def rendered(template: str, messages: Sequence[Mapping[str, str]], special: Mapping[str, str]) -> str:
    """Return what a chat template makes of messages, with the turn of the model begun.

    A template is a program: it can loop for ever or make a string of any length, and no bound inside the language
    stops all of it. So it runs where the system bounds it.

    Args:
        template: The template, in Jinja.
        messages: Each with a role and a content.
        special: The special tokens that it may name.

    Raises:
        UserError: It fails, takes too long, or makes too much.
    """
    return _rendered(json.dumps({"template": template, "messages": list(messages), "special": dict(special)}))


@lru_cache(maxsize=64)
def _rendered(asked: str) -> str:
    """Return what the template makes; a process takes seconds to start, and a run asks the same several times."""
    environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "fairhub.inputs.rendering"], input=asked.encode(), capture_output=True,
            timeout=_PATIENCE, env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise UserError(_refused(f"it takes more than {_PATIENCE} seconds")) from error
    said = done.stdout.decode(errors="replace")
    if done.returncode or len(said) > _LONGEST:
        last = done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        stopped = "it took too long or too much memory" if done.returncode < 0 else plain(last)
        raise UserError(_refused(stopped if done.returncode else "it makes too much"))
    return said


def _refused(said: str) -> str:
    return f"a chat template must be rendered; this one was not ({said or 'it was stopped'}); take it out or mend it"


def _main() -> None:
    """Render what stands on stdin, inside bounds that cannot be taken off again."""
    import resource  # of Unix, where this runs

    from transformers.utils.chat_template_utils import render_jinja_template

    asked = json.load(sys.stdin)
    held = Path("/proc/self/statm")
    most = (int(held.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") if held.is_file() else 0) + _MEMORY
    until = int(time.process_time()) + 1 + _SECONDS
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (until, until))
    found: Any = render_jinja_template(
        conversations=[asked["messages"]], chat_template=asked["template"], add_generation_prompt=True,
        enable_thinking=False,  # the answer is read at once, without thoughts before it
        strftime_now=_DAY.strftime,  # what is measured must not change from day to day
        **asked["special"],
    )  # fmt: skip
    sys.stdout.write(found[0][0][: _LONGEST + 1])


_DAY = datetime(2026, 1, 1)
"""The date that templates are told."""


if __name__ == "__main__":
    _main()
