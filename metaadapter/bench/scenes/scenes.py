"""Groups frames into scenes, so that no scene has both labelled frames and queries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from PIL import Image
from scipy.sparse.csgraph import connected_components

from metaadapter.apps.field.frames import Frame, camera_folder, in_series
from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageRow

SIDE = 32
ALIKE = 0.9
SECONDS = 60.0
HOW = (
    "Frames form one scene if a manifest gives them the same group, if one camera took them within "
    f"{SECONDS:.0f} s of one another by their EXIF times, or if {SIDE} × {SIDE} grey thumbnails of "
    f"them correlate with {ALIKE} or more. Chains of such frames form one scene, too, whatever "
    "their labels. A scene gives labelled frames or queries, never both."
)


def scenes_of(frames: Sequence[Frame]) -> Int[np.ndarray, " n"]:
    """The number of each frame's scene, from 0.

    Raises:
        UnreadableImage: A frame cannot be read.
    """
    thumbnails = np.stack([_thumbnail(frame.row) for frame in frames])
    joined = thumbnails @ thumbnails.T >= ALIKE
    _join(joined, [frame.row.group for frame in frames])
    timed = [frame for frame in frames if frame.time is not None]
    series = {
        frame.row.path: f"{camera_folder(frame.row.path)} {number}"
        for number, group in enumerate(in_series(timed, SECONDS))
        for frame in group
    }
    _join(joined, [series.get(frame.row.path) for frame in frames])
    scenes: np.ndarray = connected_components(joined, directed=False)[1]
    return scenes


def _join(joined: np.ndarray, names: Sequence[str | None]) -> None:
    """Mark frames of the same name, in place."""
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        if name:
            joined[number, first.setdefault(name, number)] = True


def _thumbnail(row: ImageRow) -> Float[np.ndarray, " pixels"]:
    """A grey picture without its mean, as a unit row."""
    try:
        picture = decode_image(row.path)
    except UnreadableImage as error:
        raise UnreadableImage(error.path, f"{error.reason}; remove it from the study") from error
    small = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float64).ravel()
    pixels -= pixels.mean()
    unit: np.ndarray = pixels / max(float(np.linalg.norm(pixels)), 1e-9)
    return unit
