"""Pictures of the tray that look alike and like none of the classes: one kind of stranger."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from jaxtyping import Float32

from metaadapter.apps.page.snapshot import EncodedRow, LabelledTask

FEWEST = 5


def alike_strangers(
    groups: Sequence[Sequence[str]],
    strangers: Collection[str],
    encoded: Mapping[str, EncodedRow],
    task: LabelledTask,
) -> tuple[str, ...]:
    """Return the strangers of the first group with at least `FEWEST`; nothing if there is none.

    They are more than half of the group, and as alike as the pictures of half of the classes.
    """
    usual = _usual_alikeness(task)
    for group in groups:
        alike = [picture for picture in group if picture in strangers]
        if len(alike) >= FEWEST and 2 * len(alike) > len(group):
            rows = np.stack([encoded[picture].features_D for picture in alike])
            if _alikeness(rows) >= usual:
                return tuple(alike)
    return ()


def _usual_alikeness(task: LabelledTask) -> float:
    """Return the median over the classes with several pictures; 1 without any."""
    labels = np.array(task.labels)
    of_classes = [task.pictures.features[labels == label] for label in task.classes]
    several = [_alikeness(rows) for rows in of_classes if len(rows) > 1]
    return float(np.median(several)) if several else 1.0


def _alikeness(rows: Float32[np.ndarray, "n D"]) -> float:
    """Return the mean cosine of two of several unit rows: (n ‖mean‖² − 1) / (n − 1)."""
    n, mean = len(rows), rows.mean(0)
    return float((n * (mean @ mean) - 1) / (n - 1))
