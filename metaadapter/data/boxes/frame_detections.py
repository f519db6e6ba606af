"""The boxes in one picture: the neutral value that every format is read into and written from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from metaadapter.data.crop import Box

ANIMAL = "animal"
"""The category whose boxes are classified; boxes of others, such as "person", are not."""
# Label Studio puts this before the name of a file that is uploaded to it, or that it downloads.
UPLOAD_ID = re.compile(r"(?:(?<=[/\\])|^)[0-9a-f]{8}(?:-|__)(?=[^/\\]+$)")

WHOLE = Box(0.0, 0.0, 1.0, 1.0)
"""The box of a label or an answer for the whole picture."""


class Detection(NamedTuple):
    """One box that a detector reports, or that a person draws."""

    category: str
    """The kind that the detector reports, or the label that the person gives; "" for none."""
    confidence: float
    """1 for the box of a person."""
    box: Box
    species: Mapping[str, float] = {}
    """SpeciesNet's label → its score, as its file lists them; empty without a classification."""


class FrameDetections(NamedTuple):
    """The detections in one frame."""

    file: str
    """The name of the picture in the file of boxes, with forward or backward slashes."""
    detections: tuple[Detection, ...]
    failure: str = ""
    """Why the frame has no boxes, if the detector could not read it."""
    size: tuple[int, int] | None = None
    """The width and height of the picture in pixels, if the file has them."""
    split: str | None = None
    other_file: str = ""
    """Another name that the picture may have."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the picture may have, those of the file of boxes first."""
        given = [name for name in (self.file, self.other_file) if name]
        return tuple(dict.fromkeys((*given, *(UPLOAD_ID.sub("", name) for name in given))))

    @property
    def known_size(self) -> tuple[int, int]:
        """The size of the picture; a `ValueError` if it is not known."""
        if self.size is None:
            raise ValueError(f"the size of {self.file!r} in pixels is not known")
        return self.size

    def above(self, confidence: float) -> tuple[Detection, ...]:
        """The detections with at least this confidence, the most confident first."""
        chosen = (box for box in self.detections if box.confidence >= confidence)
        return tuple(sorted(chosen, key=lambda box: -box.confidence))
