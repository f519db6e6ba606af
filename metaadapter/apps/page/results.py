"""The adapter and the predictions of a project at one revision, updated from earlier ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.apps.advice.advise import advise
from metaadapter.apps.advice.evidence import MAX_PICTURES
from metaadapter.apps.advice.kinds import Advice
from metaadapter.apps.field.species import Species
from metaadapter.apps.page.answers import fit, label_thresholds, left_out, predict, with_ids
from metaadapter.apps.page.settled_advice import id_of_advice
from metaadapter.apps.page.snapshot import LabelledTask, Snapshot
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.pool_gain import pool_gain
from metaadapter.workflow.predictions import Prediction
from metaadapter.workflow.query_shift import QuerySample, QueryShift

# Unlabelled pictures help most where labelled ones are few, and more than a few hundred help little
# but take time (docs/explanation/pool.md).
POOL_SHOTS, POOL_ROWS, POOL_SEED = 8, 500, 0


@dataclass(frozen=True, slots=True)
class Results:
    """The adapter of a revision of the project, and its predictions by picture."""

    revision: int = -1
    task: LabelledTask | None = None
    """`None` without an adapter."""
    labelled: tuple[str, ...] = ()
    """The ids of the pictures of the task, in the order of the task's labels."""
    stored: StoredAdapter | None = None
    answers: Mapping[str, Prediction] = field(default_factory=dict)
    """The predictions for the tray."""
    left_out: Mapping[str, Prediction] = field(default_factory=dict)
    """The prediction for each labelled picture by an adapter that did not see it."""
    pool: tuple[str, ...] = ()
    """The pictures of the tray that the adapter was predicted from, in addition to the task."""
    shift: QueryShift | None = None
    """How far the tray lies from the labelled pictures; `None` if it cannot be measured."""
    species: Species = field(default_factory=Species)
    """The classes that the predictions for the tray were made among."""
    in_series: bool = False
    """Whether the predictions for the tray are those of series."""

    @property
    def thresholds(self) -> dict[str, float] | None:
        """Class id → the probability from which a picture shows it; `None` with one label."""
        if self.stored is None or self.task is None or not self.task.several:
            return None
        return label_thresholds(self.stored, self.task.ids)

    def advice(self, settled: Collection[str] = ()) -> list[Advice[str]]:
        """Advice with the ids of classes and pictures, the most helpful first, but none `settled`.

        It is empty without an adapter, with several labels, or with too many pictures to compare
        all pairs.
        """
        task, stored = self.task, self.stored
        if task is None or task.several or stored is None or stored.support is None:
            return []
        if len(task.labels) > MAX_PICTURES:
            return []
        names = [str(name) for name in stored.config.classes]
        texts = zip(names, stored.support.text_TND[0].numpy(), strict=True)
        pieces = advise(
            task.pictures.features,
            task.pictures.labels,
            {name: text for name, text in texts if text.any()},
            blocks=stored.config.blocks,
            is_settled=lambda piece: id_of_advice(self._with_ids(task, piece)) in settled,
        )
        return [self._with_ids(task, piece) for piece in pieces]

    def _with_ids(self, task: LabelledTask, piece: Advice[int]) -> Advice[str]:
        classes = tuple(task.ids[name] for name in piece.classes)
        pictures = tuple(self.labelled[number] for number in piece.pictures)
        return Advice(piece.kind, piece.sentence, classes, pictures, piece.form, piece.values)


def updated(before: Results, snapshot: Snapshot, encoder: ImageEncoder) -> Results:
    """The results for a snapshot; the adapter in `before` is kept if its task is the same."""
    task = snapshot.task(reads_texts=encoder.reads_texts)
    if task is None:
        return Results(snapshot.revision)
    if before.stored is None or before.task is None or task.key != before.task.key:
        stored, by_number = _fit(task, encoder)
        labelled = tuple(snapshot.labelled)
        left_out = {labelled[number]: prediction for number, prediction in by_number.items()}
        before = Results(snapshot.revision, task, labelled, stored, {}, left_out)
    assert before.stored is not None
    tray = snapshot.tray
    # A new picture may change the answers for its series.
    is_same = snapshot.species == before.species and not (snapshot.series or before.in_series)
    answers = dict(before.answers) if is_same else {}
    new = [picture for picture in tray if picture not in answers]
    if new:
        answers |= predict(before.stored, task, snapshot, new)
    return replace(
        before,
        revision=snapshot.revision,
        answers={picture: answers[picture] for picture in tray},
        species=snapshot.species,
        in_series=bool(snapshot.series),
        shift=_shift(before.stored, snapshot.rows(tray)) if tray else None,
    )


def updated_with_pool(before: Results, snapshot: Snapshot, encoder: ImageEncoder) -> Results | None:
    """The results with the tray as a pool; `None` if a pool helps little or has not changed.

    If the tray comes from elsewhere than the labelled pictures, their number does not matter, but
    something must show that it helps.
    """
    task, tray = before.task, snapshot.tray
    if task is None or task.several or not tray:
        return None
    is_shifted = before.shift is not None and before.shift.is_shifted
    if len(task.labels) > POOL_SHOTS * len(set(task.labels)) and not is_shifted:
        return None
    pool = np.random.default_rng(POOL_SEED).permutation(sorted(tray))[:POOL_ROWS].tolist()
    if before.pool == tuple(pool):
        return None
    rows = snapshot.rows(pool)
    if is_shifted and before.stored is not None and before.stored.support is not None:
        support = before.stored.support.with_pool(unit_rows(rows))
        if pool_gain(shared_generator("default")[0], support) is None:
            return None
    stored = fit(task.pictures, task.texts, encoder, rows)
    answers = predict(stored, task, snapshot, tray)
    return replace(before, stored=stored, answers=answers, pool=tuple(pool))


def _shift(stored: StoredAdapter, features: Float[np.ndarray, "n D"]) -> QueryShift | None:
    """Measure the shift from the labelled pictures alone, also if the adapter has a pool."""
    assert stored.support is not None
    sample = QuerySample(replace(stored, support=stored.support.with_pool(None)))
    sample.add(features)
    return sample.measured


def _fit(task: LabelledTask, encoder: ImageEncoder) -> tuple[StoredAdapter, dict[int, Prediction]]:
    """Predict an adapter; return it and picture number → left-out prediction."""
    stored = fit(task.pictures, task.texts, encoder, several=task.several)
    numbers, probabilities = left_out(stored)
    answers = with_ids(task, stored, probabilities)
    return stored, dict(zip(numbers, answers, strict=True))
