"""What is known of heads before a single mask is measured: first-order scores, and how curved the loss is along each.

The first are the slopes where nothing is removed (Michel et al. 2019). At a minimum of the loss they say little: the
mean slope of what training has settled is noise around nothing, and what removal costs is of second order. The spread
of the slopes from text to text tells it: for a log-likelihood the expected square of a slope is the curvature (Fisher's
identity; for pruning Theis et al. 2018, "Faster gaze prediction with dense networks and Fisher pruning").
"""

import numpy as np

from fairhub.search.surrogate.labels import Label


def curvature(base: Label) -> np.ndarray:
    """Return [heads, 1]: the mean square over chunks of text of a head's slope of the loss, nats squared."""
    assert base.slopes is not None
    return np.asarray((base.slopes[len(base.bias) :].astype(float) ** 2).mean(0)[:, None])
