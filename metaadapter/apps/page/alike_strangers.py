"""Pictures of the tray that look alike and like none of the classes: one kind of stranger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32

from metaadapter.apps.page.snapshot import EncodedRow, LabelledTask

FEWEST = 5
MOST_COMPARED = 1000
# Two pictures are alike if they differ by this times the usual difference within a class.
SCATTER = 1.5


def alike_strangers(
    strangers: Sequence[str], encoded: Mapping[str, EncodedRow], task: LabelledTask
) -> tuple[str, ...]:
    """Return the stranger that is like the most others, and these; nothing if they are few."""
    compared = [picture for picture in strangers if picture in encoded][:MOST_COMPARED]
    if len(compared) < FEWEST:
        return ()
    rows = np.stack([encoded[picture].features_D for picture in compared])
    are_alike = 1 - rows @ rows.T <= SCATTER * _usual_difference(task)
    group = are_alike[are_alike.sum(1).argmax()].nonzero()[0]
    return tuple(compared[place] for place in group) if len(group) >= FEWEST else ()


def _usual_difference(task: LabelledTask) -> float:
    """Return the median over the classes with several pictures; 0 without any."""
    labels = np.array([label for (label,) in task.labels])
    of_classes = [task.pictures.features[labels == label] for label in task.classes]
    several = [_difference(rows) for rows in of_classes if len(rows) > 1]
    return float(np.median(several)) if several else 0.0


def _difference(rows: Float32[np.ndarray, "n D"]) -> float:
    """Return 1 − the mean cosine of two of n unit rows, which is n (1 − ‖mean‖²) / (n − 1)."""
    n, mean = len(rows), rows.mean(0)
    return float(n * (1 - mean @ mean) / (n - 1))
