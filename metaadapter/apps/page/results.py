"""The adapter and the predictions of a project at one moment, made from those before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.forms import Cost, Costs
from metaadapter.apps.page.labelled_task import (
    LabelledTask,
    fit,
    predict_left_out,
    predict_rows,
)
from metaadapter.apps.page.snapshot import Snapshot
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.predictions import Prediction

# Unlabelled pictures help most where labelled ones are few, and more than some hundred add little
# but time (docs/explanation/pool.md).
POOL_SHOTS, POOL_ROWS, POOL_SEED = 8, 500, 0
N_THRESHOLDS = 100


@dataclass(frozen=True, slots=True)
class Results:
    """The adapter of a revision and its predictions.

    Attributes:
        revision: The revision of the project.
        task: The labelled pictures that the adapter was predicted from; `None` without an adapter.
        labelled: The ids of these pictures, in the order of the task.
        stored: The adapter.
        answers: Picture of the tray → prediction.
        left_out: Labelled picture → prediction of an adapter that did not see it.
        pool: The pictures of the tray that the adapter was predicted from, too.
    """

    revision: int = -1
    task: LabelledTask | None = None
    labelled: tuple[str, ...] = ()
    stored: StoredAdapter | None = None
    answers: Mapping[str, Prediction] = field(default_factory=dict)
    left_out: Mapping[str, Prediction] = field(default_factory=dict)
    pool: tuple[str, ...] = ()

    def costs(self, contents: Contents) -> Costs:
        """The cost of each threshold from 0 to 0.99, counted on the left-out pictures."""
        correct = np.array(
            [
                picture in contents.pictures
                and contents.pictures[picture].label == prediction.label
                for picture, prediction in self.left_out.items()
            ]
        )
        probabilities = np.array([prediction.probability for prediction in self.left_out.values()])
        points = []
        for step in range(N_THRESHOLDS if self.left_out else 0):
            kept = probabilities >= step / N_THRESHOLDS
            errors = float(1 - correct[kept].mean()) if kept.any() else None
            cost = Cost(threshold=step / N_THRESHOLDS, kept=float(kept.mean()), errors=errors)
            points.append(cost)
        return Costs(points=points, n_pictures=len(correct))


def updated(before: Results, snapshot: Snapshot, encoder: ImageEncoder) -> Results:
    """The results of a snapshot; the adapter before is kept if no label has changed."""
    task = snapshot.task()
    if task is None:
        return Results(snapshot.revision)
    if before.stored is None or before.task is None or not task.is_same(before.task):
        stored = fit(task, encoder)
        labelled = tuple(snapshot.labelled)
        left_out = {
            labelled[number]: prediction
            for number, prediction in predict_left_out(task, stored).items()
        }
        before = Results(snapshot.revision, task, labelled, stored, {}, left_out)
    assert before.stored is not None
    tray = snapshot.tray
    new = [picture for picture in tray if picture not in before.answers]
    answers = dict(before.answers)
    if new:
        answers |= zip(new, predict_rows(before.stored, task.ids, snapshot.rows(new)), strict=True)
    return replace(
        before,
        revision=snapshot.revision,
        answers={picture: answers[picture] for picture in tray},
    )


def updated_with_pool(before: Results, snapshot: Snapshot, encoder: ImageEncoder) -> Results | None:
    """The results of an adapter predicted with the tray as its pool; `None` if it helps little."""
    task, tray = before.task, snapshot.tray
    if task is None or task.shots > POOL_SHOTS or not tray:
        return None
    pool = np.random.default_rng(POOL_SEED).permutation(sorted(tray))[:POOL_ROWS].tolist()
    if before.pool == tuple(pool):
        return None
    stored = fit(task, encoder, snapshot.rows(pool))
    answers = dict(zip(tray, predict_rows(stored, task.ids, snapshot.rows(tray)), strict=True))
    return replace(before, stored=stored, answers=answers, pool=tuple(pool))
