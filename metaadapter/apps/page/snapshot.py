"""The encoded part of a project, and a copy of it for the thread that predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float16, Float32

from metaadapter.apps.page.contents import ClassEntry, Contents, PictureEntry
from metaadapter.apps.page.labelled_task import LabelledTask
from metaadapter.apps.page.picture_folder import id_of
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.store.rows import StoredPicture
from metaadapter.features.views import mean_of_views
from metaadapter.workflow.class_names import says_nothing


@dataclass(slots=True)
class EncodedRows:
    """A unit row and the whole SHA-256 of each encoded picture, by its id."""

    rows: dict[str, Float32[np.ndarray, " dim"]] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)

    def add(self, features: Mapping[str, Float16[np.ndarray, "views dim"]]) -> None:
        """Add features, given by the SHA-256 of their pictures."""
        if features:
            means = mean_of_views(np.stack(list(features.values())))
            ids = [id_of(sha256) for sha256 in features]
            self.rows |= zip(ids, means, strict=True)
            self.sha256 |= zip(ids, features, strict=True)

    def __contains__(self, picture: object) -> bool:
        return picture in self.rows


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The encoded part of a project at one moment.

    Attributes:
        revision: The revision of the project.
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
        """Copy the encoded part of a project."""
        pictures = [picture for picture in contents.pictures if picture in encoded]
        pictures.sort(key=lambda picture: contents.pictures[picture].place)
        return cls(
            revision,
            {label: contents.classes[label] for label in contents.ordered_classes},
            {picture: contents.pictures[picture] for picture in pictures},
            dict(encoded.sha256),
            dict(encoded.rows),
        )

    def rows(self, pictures: list[str]) -> Float32[np.ndarray, "n dim"]:
        """The features of one picture or more."""
        return np.stack([self.features[picture] for picture in pictures])

    @property
    def labelled(self) -> list[str]:
        """The pictures with a class."""
        return [picture for picture, entry in self.pictures.items() if entry.label is not None]

    @property
    def tray(self) -> list[str]:
        """The pictures without a class."""
        return [picture for picture, entry in self.pictures.items() if entry.label is None]

    def task(self) -> LabelledTask | None:
        """The labelled pictures to predict an adapter from; `None` unless two classes have one.

        A class without a picture is part of the task if its name is no placeholder.
        """
        labelled = self.labelled
        labels = tuple(self.pictures[picture].label or "" for picture in labelled)
        pictured = set(labels)
        if len(pictured) < 2:
            return None
        classes = {
            label: entry
            for label, entry in self.classes.items()
            if label in pictured or not says_nothing(entry.name)
        }
        pictures = tuple(
            StoredPicture(
                self.pictures[picture].name, classes[label].name, "", "", self.sha256[picture]
            )
            for picture, label in zip(labelled, labels, strict=True)
        )
        return LabelledTask(classes, labels, EncodedPictures(pictures, self.rows(labelled)))
