"""The answers that a project has at one moment, and how new ones come of old ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float32

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.page.answers import Answer, LabelledTask, answer_left_out, answer_rows, fit
from metaadapter.apps.page.contents import ClassEntry, Contents, PictureEntry
from metaadapter.apps.page.encoded_rows import EncodedRows
from metaadapter.features.image_encoder import ImageEncoder

# Unlabelled pictures help most where labelled ones are few, and more than some hundred add little
# but time (docs/explanation/pool.md).
POOL_SHOTS, POOL_ROWS, POOL_SEED = 8, 500, 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A project at one moment, as far as it is encoded.

    Attributes:
        revision: The number of this moment.
        classes: By their ids, in their order.
        pictures: By their ids, in their order; only those that have features.
        sha256: The whole hash of each of them.
        features: A unit row of each of them.
    """

    revision: int
    classes: Mapping[str, ClassEntry]
    pictures: Mapping[str, PictureEntry]
    sha256: Mapping[str, str]
    features: Mapping[str, Float32[np.ndarray, " dim"]]

    @classmethod
    def of(cls, revision: int, contents: Contents, encoded: EncodedRows) -> Snapshot:
        """A copy of what a project holds now, as far as it is encoded."""
        there = [each for each in contents.pictures if each in encoded]
        there.sort(key=lambda each: contents.pictures[each].place)
        return cls(
            revision,
            {each: contents.classes[each] for each in contents.ordered_classes},
            {each: contents.pictures[each] for each in there},
            dict(encoded.sha256),
            dict(encoded.rows),
        )

    def rows(self, pictures: list[str]) -> Float32[np.ndarray, "n dim"]:
        """The features of some pictures, which must not be none."""
        return np.stack([self.features[each] for each in pictures])

    @property
    def labelled(self) -> list[str]:
        """The pictures that are in classes."""
        return [each for each, entry in self.pictures.items() if entry.label is not None]

    @property
    def tray(self) -> list[str]:
        """The pictures that are in none."""
        return [each for each, entry in self.pictures.items() if entry.label is None]

    def task(self) -> LabelledTask | None:
        """What an adapter can be predicted from; `None` unless two classes have a picture."""
        labelled = self.labelled
        if not labelled:
            return None
        entries = [self.pictures[each] for each in labelled]
        return LabelledTask.of_pictures(
            self.classes,
            [entry.label or "" for entry in entries],
            [self.sha256[each] for each in labelled],
            [entry.name for entry in entries],
            self.rows(labelled),
        )


@dataclass(frozen=True, slots=True)
class Published:
    """The adapter of a revision and its answers.

    Attributes:
        revision: Which moment of the project they belong to.
        task: What the adapter was predicted from; `None` where there is none.
        labelled: The pictures of the task, in its order.
        stored: The adapter.
        answers: About the pictures of the tray.
        left_out: About labelled pictures, each as if it were not.
        learned_from: The pictures of the tray that the adapter has learned from.
    """

    revision: int = -1
    task: LabelledTask | None = None
    labelled: tuple[str, ...] = ()
    stored: StoredAdapter | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict)
    left_out: Mapping[str, Answer] = field(default_factory=dict)
    learned_from: tuple[str, ...] = ()


def answered(before: Published, now: Snapshot, encoder: ImageEncoder) -> Published:
    """The answers of a moment; where no label has changed, the adapter before stays."""
    task = now.task()
    if task is None:
        return Published(now.revision)
    if before.stored is None or before.task is None or not task.is_same(before.task):
        stored = fit(task, encoder)
        labelled = tuple(now.labelled)
        left_out = {labelled[n]: each for n, each in answer_left_out(task, stored).items()}
        before = Published(now.revision, task, labelled, stored, {}, left_out)
    assert before.stored is not None
    tray = now.tray
    new = [each for each in tray if each not in before.answers]
    found = dict(before.answers)
    if new:
        found |= zip(new, answer_rows(before.stored, task.ids, now.rows(new)), strict=True)
    return replace(before, revision=now.revision, answers={each: found[each] for each in tray})


def answered_with_tray(before: Published, now: Snapshot, encoder: ImageEncoder) -> Published | None:
    """The answers of an adapter that learned from the tray too; `None` where that helps little."""
    task, tray = before.task, now.tray
    if task is None or task.shots > POOL_SHOTS or not tray:
        return None
    drawn = np.random.default_rng(POOL_SEED).permutation(sorted(tray))[:POOL_ROWS].tolist()
    if before.learned_from == tuple(drawn):
        return None
    stored = fit(task, encoder, now.rows(drawn))
    answers = dict(zip(tray, answer_rows(stored, task.ids, now.rows(tray)), strict=True))
    return replace(before, stored=stored, answers=answers, learned_from=tuple(drawn))
