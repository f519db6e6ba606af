"""The adapter and the predictions of a project at one revision, updated from earlier ones.

Labels are the ids of classes. With several labels a picture the adapter is that of `metaadapter
adapt --several`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.apps.field.series import Seen, number_animals
from metaadapter.apps.field.species_predictions import BoxFacts, predict_species
from metaadapter.apps.page.entries import NONE
from metaadapter.apps.page.snapshot import ROWS_AT_ONCE, LabelledTask, Snapshot
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.picture_facts import PictureFacts
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.fit_adapter import first_of_groups, fit_pictures
from metaadapter.workflow.forecast import Expected, forecast
from metaadapter.workflow.labelled_pictures import LabelledPictures
from metaadapter.workflow.labelled_support import support_of
from metaadapter.workflow.pool_gain import pool_gain
from metaadapter.workflow.prediction.predictions import (
    Prediction,
    PredictionOptions,
    Probabilities,
    best_classes,
)
from metaadapter.workflow.prediction.query_shift import QuerySample, QueryShift

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
    expected: tuple[Expected, ...] = ()
    """The accuracy to expect of new pictures, now and with more labels."""
    pool: tuple[str, ...] = ()
    """The pictures of the tray that the adapter was predicted from, in addition to the task."""
    shift: QueryShift | None = None
    """How far the tray lies from the labelled pictures; `None` if it cannot be measured."""
    allowed: frozenset[str] | None = None
    """The names of the classes that the predictions for the tray were made among; `None`: all."""
    in_series: bool = False
    """Whether the predictions for the tray are those of series."""

    @property
    def thresholds(self) -> dict[str, float] | None:
        """Class id → the probability from which a picture shows it; `None` with one label."""
        if self.stored is None or self.task is None or not self.task.several:
            return None
        return label_thresholds(self.stored, self.task.ids)


def updated(before: Results, snapshot: Snapshot, encoder: ImageEncoder) -> Results:
    """The results for a snapshot; the adapter in `before` is kept if its task is the same."""
    task = snapshot.task(reads_texts=encoder.reads_texts)
    if task is not None and not names_tell(task, encoder):
        task = snapshot.task(reads_texts=False)
    if task is None:
        return Results(snapshot.revision)
    if before.stored is None or before.task is None or task.key != before.task.key:
        stored = fit(task, encoder)
        groups = [picture.group for picture in task.pictures.pictures]
        labelled, (numbers, by_others) = tuple(snapshot.labelled), left_out(stored, groups)
        named = with_ids(task, stored, by_others)
        of_labelled = {labelled[n]: one for n, one in zip(numbers, named, strict=True)}
        before = Results(snapshot.revision, task, labelled, stored, {}, of_labelled)
        if not task.several:
            labels = task.pictures.labels
            own = [one.probabilities[labels[n]] for n, one in zip(numbers, by_others, strict=True)]
            before = replace(before, expected=forecast(np.array(own), len({*labels})))
    assert before.stored is not None
    tray = snapshot.tray
    # A new picture may change the answers for its series.
    is_same = snapshot.allowed == before.allowed and not (snapshot.series or before.in_series)
    answers = dict(before.answers) if is_same else {}
    new = [picture for picture in tray if picture not in answers]
    if new:
        answers |= predict(before.stored, task, snapshot, new)
    return replace(
        before,
        revision=snapshot.revision,
        answers={picture: answers[picture] for picture in tray},
        allowed=snapshot.allowed,
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
    stored = fit(task, encoder, rows)
    answers = predict(stored, task, snapshot, tray)
    return replace(before, stored=stored, answers=answers, pool=tuple(pool))


def _shift(stored: StoredAdapter, features: Float[np.ndarray, "n D"]) -> QueryShift | None:
    """Measure the shift from the labelled pictures alone, also if the adapter has a pool."""
    assert stored.support is not None
    sample = QuerySample(replace(stored, support=stored.support.with_pool(None)))
    sample.add(features)
    return sample.measured


# A class without a picture gets answers by its name alone: only if names alone are right for this
# part of the labelled pictures, which count as so many at least (docs/explanation/advice.md).
NAMES_RIGHT, FEWEST_NAMED = 0.5, 5


def names_tell(task: LabelledTask, encoder: ImageEncoder) -> bool:
    """Whether all classes have a picture, or names alone are right for enough labelled pictures."""
    if task.classes.keys() <= {one for labels in task.labels for one in labels}:
        return True
    support, _ = support_of(_labelled(task, encoder), task.texts)
    rows_MD, numbers_M = support.labelled_rows()
    text_ND, has_text_N = support.text_TND[0], support.text_TND[0].any(-1)
    cosines_MN = (rows_MD @ text_ND.mT).masked_fill(~has_text_N, -torch.inf)
    right_M = (cosines_MN.argmax(-1) == numbers_M)[has_text_N[numbers_M]]
    return int(right_M.sum()) >= NAMES_RIGHT * max(FEWEST_NAMED, len(right_M))


def _labelled(task: LabelledTask, encoder: ImageEncoder) -> LabelledPictures:
    origin = Origin.of(encoder)
    labelled = LabelledPictures(task.pictures, origin, encoder.logit_scale, encoder)
    return replace(labelled, several=task.several)


# Classes below their threshold that are shown too: at least this part of it, and so many.
NEAR, MOST_NEAR = 0.5, 2


def fit(
    task: LabelledTask, encoder: ImageEncoder, pool: Float[np.ndarray, "u D"] | None = None
) -> StoredAdapter:
    """Predict an adapter from labelled pictures and the texts of their classes."""
    return fit_pictures(_labelled(task, encoder), task.texts, pool=pool)


def predict(
    stored: StoredAdapter, task: LabelledTask, snapshot: Snapshot, pictures: list[str]
) -> dict[str, Prediction]:
    """Predict as `metaadapter predict` does, but with class ids as labels.

    The probabilities of the other classes are left out, because a tray may have many rows.
    """
    names = [str(name) for name in stored.config.classes]
    allowed = snapshot.allowed and (snapshot.allowed & {*names} or None)
    # The pictures of a series are predicted together.
    n_at_once = len(pictures) if snapshot.series else ROWS_AT_ONCE
    answers: dict[str, Prediction] = {}
    for start in range(0, len(pictures), n_at_once):
        some = pictures[start : start + n_at_once]
        encoded = EncodedPictures(
            (PictureFacts("", "", "", "", ""),) * len(some), snapshot.rows(some)
        )
        facts = facts_of(snapshot, some)
        named = predict_species(stored, encoded, PredictionOptions(), allowed=allowed, facts=facts)
        answers |= zip(some, with_ids(task, stored, named), strict=True)
    return answers


def facts_of(snapshot: Snapshot, pictures: list[str]) -> list[BoxFacts]:
    """The animals in series, and what a detector says of boxes."""
    seen = [snapshot.series.get(picture, Seen(None, 0, None)) for picture in pictures]
    facts = []
    for picture, one, number in zip(pictures, seen, number_animals(seen), strict=True):
        animal, crop = number and (one.series, number), snapshot.pictures[picture].crop
        if crop is None:
            facts.append(BoxFacts(animal))
        else:  # a box that a person draws, of confidence 1, has no category
            category = None if crop.confidence == 1 else crop.category
            facts.append(BoxFacts(animal, crop.confidence, category))
    return facts


def left_out(stored: StoredAdapter, groups: Sequence[str]) -> tuple[list[int], list[Prediction]]:
    """Return the numbers of pictures, except those alone in a class, and their predictions.

    The predictions are those by the other pictures. Each of the `groups`, such as a series, has
    only its first picture in a class, because the others are nearly equal to it.
    """
    generator, _ = shared_generator(stored.config.generator)
    assert isinstance(generator, Generator)
    assert stored.support is not None
    support = stored.support.with_pool(None)
    first = first_of_groups(support, groups) or support
    predicted = generator.left_out(first)
    counts, known = predicted.counts, predicted.known
    numbers = counts.nonzero()[:, 0].tolist()
    if not support.has_label_sets:
        places = first.present_TNK[support.present_TNK].nonzero()[:, 0]
        numbers = [support.order[place] for place in places[counts].tolist()]
    known_N = None if known is None else known[counts].numpy()
    rows_NC, names = predicted.log_p[counts].exp().numpy(), [*map(str, stored.config.classes)]
    answers = best_classes(names, Probabilities(rows_NC, known_N), stored.weights)
    return numbers, [
        answer._replace(probabilities=dict(zip(names, row, strict=True)))
        for answer, row in zip(answers, rows_NC.tolist(), strict=True)
    ]


def with_ids(
    task: LabelledTask, stored: StoredAdapter, answers: Sequence[Prediction]
) -> list[Prediction]:
    """Return predictions with class ids in place of names.

    The probabilities of the other classes are left out, because a tray may have many rows.
    """
    if not task.several:
        return [_of_class(task.ids, answer) for answer in answers]
    thresholds = label_thresholds(stored, task.ids)
    return [_of_labels(task.ids, thresholds, answer) for answer in answers]


def _of_class(ids: Mapping[str, str], answer: Prediction) -> Prediction:
    """Return the prediction of one class; of a picture of no class, the nearest class."""
    label, other = ids[answer.label], ids[answer.runner_up]
    if label == NONE:
        label, other = other, ""
        answer = answer._replace(
            probability=answer.runner_up_probability, runner_up_probability=0.0
        )
    second = "" if other == NONE else other
    return answer._replace(label=label, runner_up=second, probabilities={})


def label_thresholds(stored: StoredAdapter, ids: Mapping[str, str]) -> dict[str, float]:
    """Return class id → the probability from which a picture shows the class."""
    thresholds = stored.weights.label_thresholds
    assert thresholds is not None
    names = map(str, stored.config.classes)
    return {ids[name]: p for name, p in zip(names, thresholds.tolist(), strict=True)}


def _of_labels(
    ids: Mapping[str, str], thresholds: Mapping[str, float], answer: Prediction
) -> Prediction:
    """Return the prediction whose probabilities are those of classes shown, and nearly shown.

    The label is the most probable class shown, or without any the most probable class.
    """
    p = {ids[name]: share for name, share in answer.probabilities.items()}
    shown = tuple(ids[name] for name in answer.labels or ())
    others = sorted(p.keys() - set(shown), key=lambda one: (-p[one], one))
    near = [one for one in others if p[one] >= NEAR * thresholds[one]][:MOST_NEAR]
    return answer._replace(
        label=(*shown, *others)[0],
        runner_up=ids.get(answer.runner_up, ""),
        unfamiliar=not shown,
        labels=shown,
        probabilities={one: p[one] for one in (*shown, *near)},
    )
