"""The adapter of labelled pictures, and its answers: pure functions of kept features."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.known import known_logits, known_threshold
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import classify
from metaadapter.apps.page.contents import ClassEntry
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.rows import StoredPicture
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.classes import says_nothing
from metaadapter.workflow.fit_adapter import fit_adapter
from metaadapter.workflow.labelled_pictures import LabelledPictures

GENERATOR = "default"
# Rows that are classified at a time, so that a large tray takes little memory.
ROWS_AT_ONCE = 512


class Answer(NamedTuple):
    """What the adapter says of one picture; classes are told by their ids."""

    label: str
    probability: float
    runner_up: str | None
    runner_up_probability: float
    known: float | None
    """The probability that it shows one of the classes at all."""
    unfamiliar: bool


def remembering_texts(encoder: ImageEncoder) -> ImageEncoder:
    """The same encoder, which reads each text once."""
    rows: dict[str, Float32[np.ndarray, " dim"]] = {}

    def encode_texts(names: Sequence[str]) -> Float32[np.ndarray, "n dim"]:
        new = [name for name in dict.fromkeys(names) if name not in rows]
        if new:
            rows.update(zip(new, encoder.encode_texts(new), strict=True))
        return np.array([rows[name] for name in names], np.float32).reshape(-1, encoder.dim)

    remembering = copy.copy(encoder)
    vars(remembering)["encode_texts"] = encode_texts
    return remembering


@dataclass(frozen=True, slots=True)
class LabelledTask:
    """What an adapter is predicted from.

    Attributes:
        classes: The classes that take part, by id. Class names are unique.
        labels: The class of each labelled picture.
        pictures: Their names, hashes and features, in the same order.
    """

    classes: Mapping[str, ClassEntry]
    labels: tuple[str, ...]
    pictures: EncodedPictures

    @classmethod
    def of_pictures(
        cls,
        classes: Mapping[str, ClassEntry],
        labels: Sequence[str],
        sha256: Sequence[str],
        names: Sequence[str],
        features: Float[np.ndarray, "n D"],
    ) -> LabelledTask | None:
        """The task of some pictures; `None` unless two classes have one.

        A class without a picture takes part if its name says something.
        """
        there = set(labels)
        if len(there) < 2:
            return None
        taking_part = {
            each: entry
            for each, entry in classes.items()
            if each in there or not says_nothing(entry.name)
        }
        columns = zip(names, labels, sha256, strict=True)
        pictures = tuple(
            StoredPicture(name, classes[label].name, "", "", digest)
            for name, label, digest in columns
        )
        return cls(taking_part, tuple(labels), EncodedPictures(pictures, features))

    def is_same(self, other: LabelledTask) -> bool:
        """Whether the same pictures have the same labels in both, and classes the same names."""
        ours, theirs = (
            (dict(each.classes), each.labels, each.pictures.sha256) for each in (self, other)
        )
        return ours == theirs

    @property
    def shots(self) -> float:
        """The mean number of pictures of the classes that have any."""
        return len(self.labels) / len(set(self.labels))

    @property
    def ids(self) -> dict[str, str]:
        """Name of a class → its id."""
        return {entry.name: each for each, entry in self.classes.items()}

    @property
    def texts(self) -> dict[str, str | list[str]] | None:
        """Name of a class → the name, or name and sentences; `None` if no name says anything."""
        found: dict[str, str | list[str]] = {}
        for entry in self.classes.values():
            if not says_nothing(entry.name):
                lines = [" ".join(line.split()) for line in entry.description.splitlines()]
                sentences = [line for line in lines if line]
                found[entry.name] = [entry.name, *sentences] if sentences else entry.name
        return found or None


def fit(
    task: LabelledTask, encoder: ImageEncoder, pool: Float[np.ndarray, "u D"] | None = None
) -> StoredAdapter:
    """Predict the adapter of a task, with the features of unlabelled pictures or without."""
    origin = Origin.of(encoder)
    labelled = LabelledPictures(task.pictures, origin, encoder.logit_scale, encoder)
    return fit_adapter(labelled, task.texts, mode="one_shot", generator=GENERATOR, pool=pool)


def answer_rows(
    stored: StoredAdapter, ids: Mapping[str, str], features: Float[np.ndarray, "n D"]
) -> list[Answer]:
    """The answer about each row of features, the same as `metaadapter predict` gives."""
    labels = [ids[str(name)] for name in stored.config.classes]
    least = float(known_threshold(stored.weights))
    found: list[Answer] = []
    for start in range(0, len(features), ROWS_AT_ONCE):
        rows = normalize(torch.from_numpy(features[start : start + ROWS_AT_ONCE]).double(), dim=-1)
        logits = classify(rows, stored.weights)
        known = known_logits(rows, stored.weights, logits).sigmoid()
        found += _answers(labels, logits.softmax(-1), known, least)
    return found


def answer_left_out(task: LabelledTask, stored: StoredAdapter) -> dict[int, Answer]:
    """Number of a labelled picture → the answer about it as if it had no label.

    Pictures that are alone in their class have none.
    """
    generator, _ = shared_generator(stored.config.generator)
    assert isinstance(generator, Generator)
    assert stored.support is not None
    found = generator.left_out(stored.support)
    labels = [task.ids[str(name)] for name in stored.config.classes]
    least = float(known_threshold(stored.weights))
    asked = found.counts
    answers = _answers(labels, found.log_p[asked].exp(), found.known[asked], least)
    places = (stored.support.order[place] for place in asked.nonzero()[:, 0].tolist())
    return dict(zip(places, answers, strict=True))


def _answers(
    labels: Sequence[str],
    probabilities: Float[Tensor, "n N"],
    known: Float[Tensor, " n"],
    least: float,
) -> list[Answer]:
    best = torch.topk(probabilities, 2, dim=-1)
    columns = zip(best.indices.tolist(), best.values.tolist(), known.tolist(), strict=True)
    return [
        Answer(labels[first], p_first, labels[second], p_second, share, share < least)
        for (first, second), (p_first, p_second), share in columns
    ]
