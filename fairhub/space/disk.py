"""Keeps what a Space downloaded within its disk: models that nobody used for longest go first."""

import time

from huggingface_hub import constants, scan_cache_dir
from huggingface_hub.errors import CacheNotFound
from huggingface_hub.utils import HFCacheInfo

from fairhub.space.publishing import on_space
from fairhub.space.sizes import limit

MODELS = 5
"""Largest models that are kept on disk."""
_USED = 600.0  # seconds after which a model is no longer being loaded


def make_room_(size: int) -> None:
    """Remove downloaded models until one of so many bytes fits beside those that stay; on a Space only.

    On somebody's own machine the cache is theirs, and no program but their own may empty it.
    """
    if not on_space():
        return
    try:
        found = scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:  # nothing was downloaded yet
        return
    if going := surplus(found, MODELS * limit() - size, time.time() - _USED):
        found.delete_revisions(*going).execute()


def surplus(found: HFCacheInfo, most: int, before: float) -> list[str]:
    """Return the revisions to remove so that at most so many bytes stay, the repositories unused for longest first.

    Args:
        found: What is on disk.
        most: Bytes that may stay.
        before: Repositories that were used since then stay: somebody loads them.
    """
    held, going = found.size_on_disk, list[str]()
    for repository in sorted(found.repos, key=lambda one: one.last_accessed):
        if held <= most or repository.last_accessed > before:
            break
        held -= repository.size_on_disk
        going += [revision.commit_hash for revision in repository.revisions]
    return going
