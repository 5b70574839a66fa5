"""Keeps secrets out of the environment of every process that reads a stranger's files."""

import json
import os
import re
import sys
from collections.abc import Mapping

_KEPT = re.compile(
    r"PATH|HOME|USER|SHELL|TERM|LANG|LANGUAGE|TZ|TMPDIR|SYSTEM|VIRTUAL_ENV|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|NO_COLOR"
    r"|(?:LC|PYTHON|HF|FAIRHUB|GRADIO|SPACE|SPACES|XDG|LD|OMP|MKL|OPENBLAS|KMP|CUDA|NVIDIA|TORCH|PYTORCH|TRANSFORMERS"
    r"|TOKENIZERS|ACCELERATE|DISABLE_SAFETENSORS)(?:_\w+|\w*)"
    r"|OAUTH_CLIENT_ID|OAUTH_SCOPES|OPENID_PROVIDER_URL|(?i:https?_proxy|no_proxy|all_proxy)"
)
_SECRET = re.compile(r"TOKEN(?!IZERS)|SECRET|PASS|CREDENTIAL|COOKIE|_KEY", re.I)
_HARMLESS = ("HF_HUB_DISABLE_IMPLICIT_TOKEN",)
_NEEDED = ("OAUTH_CLIENT_SECRET",)
"""What the page itself cannot do without: people sign in by it."""
_HANDED = "FAIRHUB_HANDED"  # the number of the open file that a bare process finds what is needed in


def bare(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a process needs that reads a stranger's files; names that nobody here knows are left out."""
    return {
        name: value for name, value in environment.items()
        if name in _HARMLESS or (_KEPT.fullmatch(name) and not _SECRET.search(name))
    }  # fmt: skip


def begin_bare_() -> None:
    """Begin this program anew where its environment holds what a bare one would not; once, before anything is loaded.

    What a process was started with can be read in /proc for as long as it lives, whatever it deletes: so it starts
    again, and what is needed comes through a pipe instead. Only a Space does: elsewhere the environment is the user's.
    """
    if handed := os.environ.pop(_HANDED, None):
        with open(int(handed)) as pipe:
            os.environ |= json.load(pipe)
        return
    if os.environ.get("SYSTEM") != "spaces" or set(os.environ) == set(bare(os.environ)):
        return
    reading, writing = os.pipe()
    with open(writing, "w") as pipe:
        json.dump({name: os.environ[name] for name in _NEEDED if name in os.environ}, pipe)
    os.set_inheritable(reading, True)
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], bare(os.environ) | {_HANDED: str(reading)})


def forget_() -> None:
    """Forget what came through the pipe, once Gradio has read it: what this process starts inherits none of it."""
    for name in _NEEDED:
        os.environ.pop(name, None)
