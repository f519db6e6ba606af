"""Classes that another picture would help most."""

from __future__ import annotations

import numpy as np

from metaadapter.apps.advice.left_out import Evidence

# Below it another picture won no more than one of any class: docs/explanation/advice.md.
NEED = 0.2


def needy_classes(found: Evidence) -> list[int]:
    """The classes whose next picture is expected to win most, the neediest first.

    The need of a class is how improbable it is, in the mean, for its own pictures when each is left
    out, over one more than their number: what another picture wins falls with both. A class without
    a picture needs 1.
    """
    own = np.exp(found.log_p[np.arange(len(found.numbers)), found.numbers])
    missing = np.bincount(found.numbers, weights=1 - own, minlength=found.log_p.shape[1])
    mean_missing = np.where(found.n_pictures > 0, missing / np.maximum(1, found.n_pictures), 1.0)
    need = mean_missing / (found.n_pictures + 1)
    order = np.argsort(-need, kind="stable")
    return [int(number) for number in order if need[number] > NEED]
