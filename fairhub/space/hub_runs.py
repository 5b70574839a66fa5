"""Runs that others published on the Hub: found by their tag, each read from its report within bounds."""

import logging
import re
import threading
import time
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download

from fairhub.errors import UserError, plain
from fairhub.files.reading import MEGABYTE
from fairhub.publish.trouble import explained
from fairhub.space.sizes import looked_up

TAG = "fairhub"
REPORT = "fairhub/report.json"
_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_PICTURE = re.compile(r"figures/[a-z_]{1,60}\.png")
_MOST, _SECONDS = 50, 600.0
"""Runs that are listed, and how long a list is kept."""
_LARGEST = {REPORT: 16 * MEGABYTE, "": 2 * MEGABYTE}
_PICTURES = 24


class HubRuns:
    """The published runs that anybody may see; a list is asked for once in a while, a report when it is wanted."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._names: list[str] = []
        self._asked = -_SECONDS
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Return the Hub ids of published runs, the newest first; where the Hub is away those that were known."""
        with self._lock:
            if time.monotonic() - self._asked >= _SECONDS:
                self._asked = time.monotonic()
                try:
                    self._names = _listed()
                except UserError as away:
                    logging.getLogger(__name__).warning("published runs were not listed: %s", away)
            return list(self._names)


def _listed() -> list[str]:
    api = HfApi(library_name="fairhub", token=False)
    with explained(TAG, "listing published runs", "those that are shipped stay"):
        found = list(api.list_models(filter=TAG, sort="last_modified", limit=_MOST))
    return [model.id for model in found if _ID.fullmatch(model.id)]


def is_id(name: str) -> bool:
    """Whether a name is that of a repository of the Hub."""
    return _ID.fullmatch(name) is not None


def fetched(name: str) -> Path:
    """Return a folder with the report of a published run, at `REPORT`, and its pictures; no weight is downloaded.

    Raises:
        UserError: No such run is there for everybody to see, or its files are larger than any of fairhub's.
    """
    if not is_id(name):
        raise UserError(f"a published run is named by its Hub id 'org/name'; got {plain(name, 80)!r}; mend it")
    commit, sizes = looked_up(name)
    if REPORT not in sizes:
        raise UserError(f"a run published by fairhub has {REPORT}; {name} has none; choose another")
    wanted = [REPORT, *sorted(path for path in sizes if _PICTURE.fullmatch(path))[:_PICTURES]]
    for path in wanted:
        if sizes[path] > (most := _LARGEST.get(path, _LARGEST[""])):
            raise UserError(f"{path} has at most {most / MEGABYTE:.0f} MB; that of {name} has more; choose another")
    with explained(name, "reading a published run", "try again later"):
        places = [Path(hf_hub_download(name, path, revision=commit, token=False)) for path in wanted]
    return places[0].parents[1]
