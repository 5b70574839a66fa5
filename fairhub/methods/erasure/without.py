"""A sweep as it would be had some items never been read: what an edit does for those whom it was not fitted on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fairhub.edit.healing import Key
from fairhub.methods.erasure.items import Item
from fairhub.methods.erasure.reads import Reads, Seen


def without(
    seen: Mapping[Key, Reads], items: Sequence[Item], dropped: Callable[[Item], bool]
) -> tuple[Seen, list[Item]]:
    """Return the sweep and the items that are left; sums over neutral text and early tokens stay as they are.

    Args:
        seen: What the sweep saw.
        items: Of the sweep.
        dropped: Whether an item is left out.
    """
    left = np.array([not dropped(item) for item in items])
    kept = [item for item, stays in zip(items, left, strict=True) if stays]

    def fetch(key: Key) -> Reads:
        whole = seen[key]
        return replace(whole, inputs=whole.inputs[left], gradients=whole.gradients[left])

    return Seen(seen, fetch), kept
