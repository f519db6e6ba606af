"""Classes that gain most from another picture."""

from __future__ import annotations

import numpy as np

from metaadapter.apps.advice.left_out import Evidence

# Below it, another picture gained no more than one of a random class: docs/explanation/advice.md.
NEED = 0.2


def needy_classes(evidence: Evidence) -> list[int]:
    """The classes that are expected to gain most from another picture, the neediest first.

    The need of a class is the mean probability of the other classes for its left-out pictures, over
    one more than their number: the gain of another picture falls with both. The need of a class
    without a picture is 1.
    """
    own = np.exp(evidence.log_p[np.arange(len(evidence.numbers)), evidence.numbers])
    missing = np.bincount(evidence.numbers, weights=1 - own, minlength=evidence.log_p.shape[1])
    mean_missing = np.where(
        evidence.n_pictures > 0, missing / np.maximum(1, evidence.n_pictures), 1.0
    )
    need = mean_missing / (evidence.n_pictures + 1)
    order = np.argsort(-need, kind="stable")
    return [int(number) for number in order if need[number] > NEED]
