"""The adapter and the answers of a project in which a picture can show several classes.

The adapter is that of `metaadapter adapt --several` with complete labels.
"""

from __future__ import annotations

from collections.abc import Mapping

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.page.snapshot import ROWS_AT_ONCE, LabelledTask, Snapshot
from metaadapter.workflow.predictions import (
    Prediction,
    Probabilities,
    best_classes,
    predict_probabilities,
)

# Classes below their threshold that are shown too: at least this part of it, and so many.
NEAR, MOST_NEAR = 0.5, 2


def predict_labels(
    stored: StoredAdapter, task: LabelledTask, snapshot: Snapshot, pictures: list[str]
) -> dict[str, Prediction]:
    """Return the predictions for pictures, with class ids in place of labels."""
    predictions: dict[str, Prediction] = {}
    for start in range(0, len(pictures), ROWS_AT_ONCE):
        part = pictures[start : start + ROWS_AT_ONCE]
        probabilities = predict_probabilities(snapshot.rows(part), stored.weights)
        predictions |= zip(part, of_labels(task, stored, probabilities), strict=True)
    return predictions


def label_thresholds(stored: StoredAdapter, ids: Mapping[str, str]) -> dict[str, float]:
    """Return class id → the probability from which a picture shows the class."""
    thresholds = stored.weights.label_thresholds
    assert thresholds is not None
    names = map(str, stored.config.classes)
    return {ids[name]: p for name, p in zip(names, thresholds.tolist(), strict=True)}


def of_labels(
    task: LabelledTask, stored: StoredAdapter, probabilities: Probabilities
) -> list[Prediction]:
    """Return predictions whose probabilities are those of classes shown, and nearly shown.

    The label is the most probable class shown, or without any the most probable class. The other
    probabilities are left out, because a tray may have many rows.
    """
    names = [str(name) for name in stored.config.classes]
    ids, thresholds = task.ids, label_thresholds(stored, task.ids)
    predictions = []
    answers = best_classes(names, probabilities, stored.weights)
    for answer, row in zip(answers, probabilities.classes_NC, strict=True):
        p = {ids[name]: float(share) for name, share in zip(names, row, strict=True)}
        shown = tuple(ids[name] for name in answer.labels or ())
        others = sorted(p.keys() - set(shown), key=lambda one: (-p[one], one))
        near = [one for one in others if p[one] >= NEAR * thresholds[one]][:MOST_NEAR]
        predictions.append(
            answer._replace(
                label=(*shown, *others)[0],
                runner_up=ids.get(answer.runner_up, ""),
                unfamiliar=not shown,
                labels=shown,
                probabilities={one: p[one] for one in (*shown, *near)},
            )
        )
    return predictions
