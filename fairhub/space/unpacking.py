"""Unpacks the embedded default as soon as a Space starts, so that its first visitor does not wait for that."""

import os
import subprocess
import sys
import threading

from fairhub.model.loading import embedded_default
from fairhub.space.environment import bare
from fairhub.space.models import Models


def ahead(models: Models) -> threading.Thread | None:
    """Begin to unpack the embedded default, in a process of its own that a thread waits for; None if not offered.

    Where that fails nothing is lost: who asks for the model unpacks it, and reads why it cannot be.
    """
    if None not in models.offered.values():
        return None
    waiting = threading.Thread(target=_unpack, daemon=True)
    waiting.start()
    return waiting


def _unpack() -> None:
    subprocess.run([sys.executable, "-m", __name__], stderr=subprocess.DEVNULL, env=bare(os.environ))


if __name__ == "__main__":
    embedded_default()
