"""A copy of the encoded part of a project, for the thread that predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from metaadapter.apps.page.answers import LabelledTask
from metaadapter.apps.page.contents import ClassEntry, Contents, PictureEntry
from metaadapter.apps.page.encoded_rows import EncodedRows


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
        """The labelled pictures to predict an adapter from; `None` unless two classes have one."""
        labelled = self.labelled
        if not labelled:
            return None
        entries = [self.pictures[picture] for picture in labelled]
        return LabelledTask.of_pictures(
            self.classes,
            [entry.label or "" for entry in entries],
            [self.sha256[picture] for picture in labelled],
            [entry.name for entry in entries],
            self.rows(labelled),
        )
