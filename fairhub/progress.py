"""Progress bars on stderr."""

import sys
from collections.abc import Callable

from tqdm import tqdm

from fairhub.processes import state


def progress_bar(what: str, total: int) -> Callable[[int], None]:
    """Open a progress bar on stderr; only the main process shows it."""
    bar = tqdm(
        total=total, desc=f"{what:<28}", file=sys.stderr, disable=not state().is_main_process,
        unit_scale=True, leave=False, mininterval=0.5,
    )  # fmt: skip

    def advance(amount: int) -> None:
        bar.update(amount)
        if bar.n >= total:
            bar.close()

    return advance
