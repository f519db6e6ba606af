"""The adapter and the answers of a project in which a picture can show several classes.

The adapter is that of `metaadapter adapt --several` with complete labels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.page.snapshot import ROWS_AT_ONCE, LabelledTask, Snapshot
from metaadapter.data.label_sets import LabelSets
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.workflow.fit_several import FittedSeveral
from metaadapter.workflow.labelled_pictures import LabelledPictures
from metaadapter.workflow.predictions import (
    Prediction,
    Probabilities,
    best_classes,
    predict_probabilities,
)
from metaadapter.workflow.run_adapt_several import fit_label_sets

# Classes below their threshold that are shown too: at least this part of it, and so many.
NEAR, MOST_NEAR = 0.5, 2


def fit_labels(task: LabelledTask, encoder: ImageEncoder) -> FittedSeveral:
    """Predict the adapter of several labels."""
    origin = Origin.of(encoder)
    labelled = LabelledPictures(task.pictures, origin, encoder.logit_scale, encoder)
    return fit_label_sets(labelled, LabelSets.of(task.pictures.labels), task.texts)


def predict_labels(
    stored: StoredAdapter, task: LabelledTask, snapshot: Snapshot, pictures: list[str]
) -> dict[str, Prediction]:
    """Return the predictions for pictures, with class ids in place of labels."""
    predictions: dict[str, Prediction] = {}
    for start in range(0, len(pictures), ROWS_AT_ONCE):
        part = pictures[start : start + ROWS_AT_ONCE]
        probabilities = predict_probabilities(snapshot.rows(part), stored.weights)
        predictions |= zip(part, _with_ids(stored, task, probabilities), strict=True)
    return predictions


def left_out_labels(fitted: FittedSeveral, task: LabelledTask) -> dict[int, Prediction]:
    """Return picture number → prediction from the other pictures, if they show all its classes."""
    shows_NC = fitted.task.shows_NC
    is_alone_N = (shows_NC & (shows_NC.sum(0) == 1)).any(1)
    numbers = np.flatnonzero(~is_alone_N).tolist()
    left_out = Probabilities(fitted.left_out_NC[numbers].astype(np.float64), None)
    return dict(zip(numbers, _with_ids(fitted.adapter, task, left_out), strict=True))


def label_thresholds(stored: StoredAdapter, ids: Mapping[str, str]) -> dict[str, float]:
    """Return class id → the probability from which a picture shows the class."""
    thresholds = stored.weights.label_thresholds
    assert thresholds is not None
    names = map(str, stored.config.classes)
    return {ids[name]: p for name, p in zip(names, thresholds.tolist(), strict=True)}


def _with_ids(
    stored: StoredAdapter, task: LabelledTask, probabilities: Probabilities
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
