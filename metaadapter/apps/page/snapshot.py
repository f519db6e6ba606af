"""The features of a project's pictures: encoded where new, and copied for predictions.

Stored features are checked, the others encoded.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

import numpy as np
from jaxtyping import Float16, Float32

from metaadapter.apps.field.series import Seen
from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.entries import NONE, ClassEntry, CropEntry, PictureEntry
from metaadapter.apps.page.frame_answers import series_of
from metaadapter.apps.page.project import Project
from metaadapter.data.crop import Crop
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.label_sets import SEPARATOR
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.encoding_loop import encode_new
from metaadapter.features.encoding_pipeline import Pipeline
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.picture_facts import PictureFacts
from metaadapter.features.views import mean_of_views
from metaadapter.workflow.class_texts import says_nothing
from metaadapter.workflow.prediction.predictions import NONE_OF_THESE

# Rows that are classified at a time, so that a large tray takes little memory.
ROWS_AT_ONCE = 512
MOST_OF_NONE = 100
"""The most pictures of none of the classes: more teach little, and slow each prediction."""


Row: TypeAlias = Float32[np.ndarray, " D"]
"""The features of a picture as one unit row."""


def encoded_rows(features: Mapping[str, Float16[np.ndarray, "views D"]]) -> dict[str, Row]:
    """Return the row of each picture; `features` are its views."""
    if not features:
        return {}
    means = mean_of_views(np.stack(list(features.values())))
    return dict(zip(features, means, strict=True))


@dataclass(frozen=True, slots=True)
class LabelledTask:
    """The labelled pictures that an adapter is predicted from."""

    classes: Mapping[str, ClassEntry]
    """The classes of the adapter by their ids; their names are unique."""
    labels: tuple[tuple[str, ...], ...]
    """The class ids of each labelled picture, or only `NONE`."""
    pictures: EncodedPictures
    several: bool = False
    """Whether a picture can have several classes."""

    @property
    def key(self) -> tuple[object, ...]:
        """A value that is equal for tasks with equal adapters."""
        facts = [(picture.sha256, picture.group) for picture in self.pictures.pictures]
        return self.several, dict(self.classes), self.labels, facts

    @property
    def ids(self) -> dict[str, str]:
        """Class name → class id."""
        return {NONE_OF_THESE: NONE, **{entry.name: key for key, entry in self.classes.items()}}

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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A project at one revision, without pictures that are not encoded, in the page's order."""

    revision: int
    classes: Mapping[str, ClassEntry]
    pictures: Mapping[str, PictureEntry]
    """Only the pictures that have features, by their ids; a frame is left out for its boxes."""
    encoded: Mapping[str, Row]
    series: Mapping[str, Seen] = field(default_factory=dict)
    """Picture → its series and frame; empty if no series are formed."""
    allowed: frozenset[str] | None = None
    """The names of the classes that occur; `None` means all."""
    several: bool = False
    """Whether a picture can have several classes."""

    @classmethod
    def of(cls, revision: int, contents: Contents, encoded: Mapping[str, Row]) -> Snapshot:
        """Copy the classes and the encoded pictures of a project."""
        pictures = [
            picture
            for picture, entry in contents.pictures.items()
            if picture in encoded and not entry.is_frame
        ]
        pictures.sort(key=lambda picture: contents.pictures[picture].place)
        allowed = contents.settings.allowed
        names = {label: entry.name for label, entry in contents.classes.items()}
        return cls(
            revision,
            {label: contents.classes[label] for label in contents.ordered_classes},
            {picture: contents.pictures[picture] for picture in pictures},
            dict(encoded),
            series_of(contents),
            frozenset(names[label] for label in allowed or () if label in names) or None,
            contents.settings.several,
        )

    def rows(self, pictures: list[str]) -> Float32[np.ndarray, "n D"]:
        """The features of these pictures, at least one, as rows."""
        return np.stack([self.encoded[picture] for picture in pictures])

    @property
    def labelled(self) -> list[str]:
        """The pictures to learn from: those with a class, and up to `MOST_OF_NONE` of none."""
        of_none = [picture for picture, entry in self.pictures.items() if entry.labels == (NONE,)]
        # In the order of their hashes, so that a further one replaces at most one of them.
        left_out = {*sorted(of_none)[MOST_OF_NONE:]}
        return [
            picture
            for picture, entry in self.pictures.items()
            if entry.labels and picture not in left_out
        ]

    @property
    def tray(self) -> list[str]:
        """The pictures without a class."""
        return [picture for picture, entry in self.pictures.items() if not entry.labels]

    def task(self, *, reads_texts: bool = True) -> LabelledTask | None:
        """The pictures to predict an adapter from; `None` if fewer than two classes have any.

        A class without a picture is part of the task if the encoder reads texts and its name is no
        placeholder; not so with several labels a picture. The pictures of none of the classes form
        a class without a text, or with several labels show no class. A series is a group.
        """
        labelled = self.labelled
        labels = tuple(self.pictures[picture].labels for picture in labelled)
        pictured = {one for of_picture in labels for one in of_picture} - {NONE}
        if len(pictured) < 2:
            return None
        classes = {
            label: entry
            for label, entry in self.classes.items()
            if label in pictured
            or (reads_texts and not self.several and not says_nothing(entry.name))
        }
        names = {NONE: NONE_OF_THESE, **{label: entry.name for label, entry in classes.items()}}
        pictures = tuple(
            PictureFacts(
                self.pictures[picture].name,
                SEPARATOR.join(names[one] for one in of_picture),
                "",
                self.series.get(picture, Seen(None, 0, None)).series or "",
                picture,
            )
            for picture, of_picture in zip(labelled, labels, strict=True)
        )
        encoded = EncodedPictures(pictures, self.rows(labelled))
        return LabelledTask(classes, labels, encoded, self.several)


# After a portion, encoding pauses to see which pictures are the most urgent now, and all
# predictions are renewed. So portions grow with the number of encoded pictures.
FEWEST_AT_ONCE, MOST_AT_ONCE = 8, 128
PORTIONS = 16
"""The encoded pictures, divided by the size of the next portion."""
# Pictures with stored features are only compared with their names, which is fast.
CHECKED_AT_ONCE = 256


@final
class PictureEncoding:
    """Reads pictures of a project, and encodes those without stored features."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._stored = encoded_rows(project.features.committed())

    def portion(self, waiting: list[str]) -> list[str]:
        """The first of the waiting pictures: many with stored features, or else a few without."""
        stored = [picture for picture in waiting if picture in self._stored]
        n_at_once = min(max(len(self._stored) // PORTIONS, FEWEST_AT_ONCE), MOST_AT_ONCE)
        return stored[:CHECKED_AT_ONCE] or waiting[:n_at_once]

    def encode(
        self, crops: Mapping[str, CropEntry | None]
    ) -> tuple[dict[str, Row], dict[str, str]]:
        """Return the features of pictures, and picture → the reason why it cannot be read.

        `crops` is picture → its box as it was when the picture was chosen: an edit may remove it.
        """
        new: dict[str, bytes | Crop] = {}
        reasons: dict[str, str] = {}
        for picture, crop in crops.items():
            try:
                content = self._project.pictures.image(picture, crop)
            except UnreadableImage as error:
                reasons[picture] = f"{error.reason}; add the picture again, or remove it"
            else:
                if picture not in self._stored:
                    new[picture] = content
        if new:
            reasons |= self._encode(new)
        return {key: self._stored[key] for key in crops if key not in reasons}, reasons

    def _encode(self, new: Mapping[str, bytes | Crop]) -> dict[str, str]:
        """Store the features of pictures without any; return why some cannot be encoded."""
        features, pipeline = self._project.features, Pipeline(self._project.encoder)
        outcomes, rows = encode_new([*new.values()], pipeline, known=features.places)
        features.add(rows)
        self._stored |= encoded_rows(rows)
        return {
            picture: outcome.reason
            for picture, outcome in zip(new, outcomes, strict=True)
            if isinstance(outcome, UnreadableImage)
        }


def remembering_texts(encoder: ImageEncoder) -> ImageEncoder:
    """Return a copy of an encoder that encodes each text only once."""
    rows: dict[str, Float32[np.ndarray, " D"]] = {}

    def encode_texts(names: Sequence[str]) -> Float32[np.ndarray, "n D"]:
        new = [name for name in dict.fromkeys(names) if name not in rows]
        if new:
            rows.update(zip(new, encoder.encode_texts(new), strict=True))
        return np.array([rows[name] for name in names], np.float32).reshape(-1, encoder.dim)

    remembering = copy.copy(encoder)
    vars(remembering)["encode_texts"] = encode_texts
    return remembering
