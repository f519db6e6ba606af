"""The labelled pictures of a project, their adapter, and its predictions."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.page.contents import ClassEntry
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.class_names import says_nothing
from metaadapter.workflow.fitting import fit_pictures
from metaadapter.workflow.labelled_pictures import LabelledPictures
from metaadapter.workflow.predictions import (
    Prediction,
    Probabilities,
    best_classes,
    predict_probabilities,
)

# Rows that are classified at a time, so that a large tray takes little memory.
ROWS_AT_ONCE = 512


def remembering_texts(encoder: ImageEncoder) -> ImageEncoder:
    """The same encoder, which encodes each text once."""
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
    """The labelled pictures that an adapter is predicted from.

    Attributes:
        classes: The classes of the adapter, by id. Class names are unique.
        labels: The class id of each labelled picture.
        pictures: The names, hashes and features of these pictures.
    """

    classes: Mapping[str, ClassEntry]
    labels: tuple[str, ...]
    pictures: EncodedPictures

    def is_same(self, other: LabelledTask) -> bool:
        """Whether both have the same pictures with the same labels, and classes of one name."""
        ours, theirs = (
            (dict(task.classes), task.labels, task.pictures.sha256) for task in (self, other)
        )
        return ours == theirs

    @property
    def shots(self) -> float:
        """The mean number of pictures of the classes that have any."""
        return len(self.labels) / len(set(self.labels))

    @property
    def ids(self) -> dict[str, str]:
        """Class name → class id."""
        return {entry.name: label for label, entry in self.classes.items()}

    @property
    def texts(self) -> dict[str, str | list[str]] | None:
        """Class name → name, or name and sentences; `None` if all names are placeholders."""
        texts: dict[str, str | list[str]] = {}
        for entry in self.classes.values():
            if not says_nothing(entry.name):
                lines = [" ".join(line.split()) for line in entry.description.splitlines()]
                sentences = [line for line in lines if line]
                texts[entry.name] = [entry.name, *sentences] if sentences else entry.name
        return texts or None


def fit(
    task: LabelledTask, encoder: ImageEncoder, pool: Float[np.ndarray, "u D"] | None = None
) -> StoredAdapter:
    """Predict the adapter of a task, with the features of unlabelled pictures or without."""
    origin = Origin.of(encoder)
    labelled = LabelledPictures(task.pictures, origin, encoder.logit_scale, encoder)
    return fit_pictures(labelled, task.texts, pool=pool)


def predict_rows(
    stored: StoredAdapter, ids: Mapping[str, str], features: Float[np.ndarray, "n D"]
) -> list[Prediction]:
    """The prediction for each row of features, with class ids, equal to `metaadapter predict`.

    The probabilities of the other classes are left out, for a tray may have many rows.
    """
    labels = [ids[str(name)] for name in stored.config.classes]
    predictions: list[Prediction] = []
    for start in range(0, len(features), ROWS_AT_ONCE):
        probabilities = predict_probabilities(
            features[start : start + ROWS_AT_ONCE], stored.weights
        )
        predictions += best_classes(labels, probabilities, stored.weights)
    return predictions


def predict_left_out(task: LabelledTask, stored: StoredAdapter) -> dict[int, Prediction]:
    """Number of a labelled picture → its prediction by an adapter that did not see it.

    A picture that is alone in its class has none.
    """
    generator, _ = shared_generator(stored.config.generator)
    assert isinstance(generator, Generator)
    assert stored.support is not None
    left_out = generator.left_out(stored.support)
    labels = [task.ids[str(name)] for name in stored.config.classes]
    counts = left_out.counts
    probabilities = Probabilities(
        left_out.log_p[counts].exp().numpy(), left_out.known[counts].numpy()
    )
    predictions = best_classes(labels, probabilities, stored.weights)
    numbers = (stored.support.order[place] for place in counts.nonzero()[:, 0].tolist())
    return dict(zip(numbers, predictions, strict=True))
