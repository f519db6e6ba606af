"""The features of a project's pictures and texts: stored ones are checked, the others encoded."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
from jaxtyping import Float32

from metaadapter.apps.page.entries import CropEntry
from metaadapter.apps.page.project import Project
from metaadapter.apps.page.snapshot import EncodedRow, encoded_rows
from metaadapter.data.crop import Crop
from metaadapter.data.inputs import UnreadableImage
from metaadapter.features.encoding_loop import encode_new
from metaadapter.features.encoding_pipeline import Pipeline
from metaadapter.features.image_encoder import ImageEncoder

# After this many pictures, encoding pauses to see which pictures are the most urgent now.
PICTURES_AT_ONCE = 8
# Pictures with stored features are only compared with their names, which is fast.
CHECKED_AT_ONCE = 256


@final
class PictureEncoding:
    """Reads pictures of a project, and encodes those without stored features."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._stored = encoded_rows(project.features)

    def portion(self, waiting: list[str]) -> list[str]:
        """The first of the waiting pictures: many with stored features, or else a few without."""
        stored = [picture for picture in waiting if picture in self._stored]
        return stored[:CHECKED_AT_ONCE] or waiting[:PICTURES_AT_ONCE]

    def encode(
        self, crops: Mapping[str, CropEntry | None]
    ) -> tuple[dict[str, EncodedRow], dict[str, str]]:
        """Return the features of pictures, and picture → the reason why it cannot be read.

        `crops` is picture → its box as it was when the picture was chosen: an edit may remove it.
        """
        contents, reasons = self._contents(crops)
        reasons |= self._encode(contents)
        rows = {picture: self._stored[picture] for picture in contents if picture not in reasons}
        return rows, reasons

    def _contents(
        self, crops: Mapping[str, CropEntry | None]
    ) -> tuple[dict[str, bytes | Crop], dict[str, str]]:
        """The contents of pictures, empty if their features are stored; why others are unread."""
        contents: dict[str, bytes | Crop] = {}
        reasons: dict[str, str] = {}
        for picture, crop in crops.items():
            try:
                content = self._project.pictures.image(picture, crop)
                contents[picture] = b"" if picture in self._stored else content
            except UnreadableImage as error:
                reasons[picture] = f"{error.reason}; add the picture again, or remove it"
        return contents, reasons

    def _encode(self, contents: dict[str, bytes | Crop]) -> dict[str, str]:
        """Store the features of pictures without any; return why some cannot be encoded."""
        new = [picture for picture in contents if picture not in self._stored]
        if not new:
            return {}
        pictures = [contents[picture] for picture in new]
        outcomes, rows = encode_new(
            pictures, Pipeline(self._project.encoder), known=self._project.features
        )
        self._project.features.add(rows)
        if self._project.features.is_due:
            self._project.features.commit()
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
