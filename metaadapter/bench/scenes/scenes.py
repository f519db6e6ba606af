"""Groups frames into scenes, which an evaluation does not divide between support and queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int
from PIL import Image
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from metaadapter.apps.field.frames import Frame, camera_folder
from metaadapter.apps.field.series import in_series
from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageRow

SIDE = 32
ALIKE = 0.85
SECONDS = 60.0
HOW = (
    "Frames are of one scene if a manifest gives them the same group, or if one camera took them "
    f"within {SECONDS:.0f} s of one another by their EXIF times. Such frames, and single ones, are "
    f"then joined if the {SIDE} × {SIDE} grey thumbnails of all of them correlate by {ALIKE} or "
    "more with one another (complete linkage), whatever their labels. A scene gives either "
    "labelled frames or queries, never both."
)


def scenes_of(frames: Sequence[Frame]) -> Int[np.ndarray, " n"]:
    """Return the number of each frame's scene."""
    taken = _taken_together(frames)
    if len(parts := np.unique(taken)) < 2:
        return taken
    thumbnails = np.stack([_thumbnail(frame.row) for frame in frames])
    # Two parts are as far apart as their least similar frames, so that chains form no scene.
    first = np.stack([(thumbnails[taken == part] @ thumbnails.T).min(0) for part in parts])
    alike = np.stack([first[:, taken == part].min(1) for part in parts])
    apart = squareform((1 - np.minimum(alike, alike.T)).clip(0), checks=False)
    scenes = fcluster(linkage(apart, "complete"), 1 - ALIKE, "distance")
    numbers: np.ndarray = scenes[np.searchsorted(parts, taken)]
    return numbers


def _taken_together(frames: Sequence[Frame]) -> Int[np.ndarray, " n"]:
    """Return a number for each frame, equal for frames of one group or series, also by chains."""
    timed = [frame for frame in frames if frame.time is not None]
    series = {
        frame.row.path: f"{camera_folder(frame.row.path)} {number}"
        for number, group in enumerate(in_series(timed, SECONDS))
        for frame in group
    }
    joined = np.zeros((len(frames), len(frames)), dtype=bool)
    for names in ([f.row.group for f in frames], [series.get(f.row.path) for f in frames]):
        for one, other in _equal(names):
            joined[one, other] = True
    numbers: np.ndarray = connected_components(joined, directed=False)[1]
    return numbers


def _equal(names: Sequence[str | None]) -> Iterator[tuple[int, int]]:
    """Yield each place with the first place of the same name; None is no name."""
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        if name:
            yield place, first.setdefault(name, place)


def _thumbnail(row: ImageRow) -> Float[np.ndarray, " pixels"]:
    """Return the pixels of a small grey picture minus their mean, scaled to length 1.

    An unreadable picture gives zeros, which are like no other picture.
    """
    try:
        picture = decode_image(row.file)
    except UnreadableImage:
        return np.zeros(SIDE * SIDE)
    small = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float64).ravel()
    pixels -= pixels.mean()
    unit: np.ndarray = pixels / max(float(np.linalg.norm(pixels)), 1e-9)
    return unit
