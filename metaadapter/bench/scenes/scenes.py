"""Groups frames into scenes, and draws scenes for the labelled frames and for the queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from PIL import Image
from scipy.sparse.csgraph import connected_components

from metaadapter.apps.field.frames import Frame, camera_folder
from metaadapter.apps.field.series import in_series
from metaadapter.bench.evaluation.labelled_groups import labelled_groups
from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageRow
from metaadapter.errors import DataError

SIDE = 32
ALIKE = 0.9
SECONDS = 60.0
HOW = (
    "Two frames are of one scene if a manifest gives them the same group, if one camera took them "
    f"within {SECONDS:.0f} s of each other by their EXIF times, or if their {SIDE} × {SIDE} grey "
    f"thumbnails correlate by {ALIKE} or more. Chains of such frames form one scene, with any "
    "labels. A scene gives either labelled frames or queries, never both."
)


def scenes_of(frames: Sequence[Frame]) -> Int[np.ndarray, " n"]:
    """Return the number of each frame's scene, counted from 0."""
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
    """Join the frames with the same name, in place; None joins nothing."""
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        if name:
            joined[number, first.setdefault(name, number)] = True


def _thumbnail(row: ImageRow) -> Float[np.ndarray, " pixels"]:
    """Return the pixels of a small grey picture minus their mean, scaled to length 1."""
    try:
        picture = decode_image(row.path)
    except UnreadableImage as error:
        raise UnreadableImage(error.path, f"{error.reason}; remove it from the study") from error
    small = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float64).ravel()
    pixels -= pixels.mean()
    unit: np.ndarray = pixels / max(float(np.linalg.norm(pixels)), 1e-9)
    return unit


@dataclass(frozen=True, slots=True)
class Draw:
    """One division of the frames into labelled frames and queries."""

    support: Mapping[str, tuple[int, ...]]
    """Class → numbers of its labelled frames, each from another scene; k shots are the first k."""
    queries: tuple[int, ...]
    """Numbers of the frames that are queries at every number of shots."""

    def shots(self, k: int) -> tuple[int, ...]:
        """Return the numbers of k labelled frames of each class, or of fewer if it has no more."""
        return tuple(number for frames in self.support.values() for number in frames[:k])


def draw_scenes(labels: Sequence[str], scenes: Sequence[int], most_shots: int, seed: int) -> Draw:
    """Divide scenes at random until each class has its shots, or a third of its scenes is left."""
    classes_of: dict[int, set[str]] = {}
    for label, scene in zip(labels, scenes, strict=True):
        classes_of.setdefault(scene, set()).add(label)
    n_left = Counter(label for classes in classes_of.values() for label in classes)
    if single := sorted(label for label, n in n_left.items() if n < 2):
        raise DataError(
            f"the frames of {', '.join(map(repr, single))} show a single scene, which cannot give "
            "both labelled frames and queries; add frames from other places or days, or leave the "
            "class out"
        )
    rng = np.random.default_rng(seed)
    counts = {scene: dict.fromkeys(classes, 1) for scene, classes in classes_of.items()}
    labelled = labelled_groups(counts, most_shots, rng)
    support: dict[str, tuple[int, ...]] = {}
    for label in sorted(n_left):
        frames: dict[int, list[int]] = {}
        for number, (frame_label, scene) in enumerate(zip(labels, scenes, strict=True)):
            if frame_label == label:
                frames.setdefault(scene, []).append(number)
        chosen = [int(rng.choice(frames[scene])) for scene in labelled if scene in frames]
        support[label] = tuple(chosen[:most_shots])
    if bare := [label for label, numbers in support.items() if not numbers]:
        raise DataError(
            f"no labelled frame of {', '.join(map(repr, bare))} is left, because all its scenes "
            "show other classes too; add frames from other places or days"
        )
    queries = tuple(number for number, scene in enumerate(scenes) if scene not in labelled)
    return Draw(support, queries)
