"""Static false triggers: the same box again and again at one camera, as of a branch."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from metaadapter.apps.field.cameras import camera_folder
from metaadapter.apps.field.detections import Detection
from metaadapter.apps.field.frames import Frame
from metaadapter.data.atomic_files import replace_file
from metaadapter.data.crop import Box
from metaadapter.data.plain_text import in_csv

# No side of a box is elsewhere by more than this fraction of the frame: what a detector moves the
# box of a thing by that does not move.
SAME_SIDE = 0.02
# An animal rarely lies still so long; the tools of MegaDetector ask for about as many.
FEWEST_FRAMES = 10
COLUMNS = (
    *("path", "box_left", "box_top", "box_width", "box_height"),
    *("camera", "thing", "n_frames", "confidence"),
)


class FalseTrigger(NamedTuple):
    """A box that is found in many frames of one camera."""

    camera: Path
    thing: int
    """From 1, what is seen most often first: boxes of one number are of one thing."""
    n_frames: int
    """In so many frames the thing has a box."""
    path: Path
    box: Box
    confidence: float


def false_triggers(frames: Iterable[Frame], min_confidence: float) -> list[FalseTrigger]:
    """Find the boxes of at least this confidence that come back in `FEWEST_FRAMES` frames.

    They are a suggestion, for a sleeping animal has such boxes too.
    """
    cameras = defaultdict[Path, list[tuple[Path, Detection]]](list)
    for frame in frames:
        if frame.said is not None:
            cameras[camera_folder(frame.row.path)] += [
                (frame.row.path, each) for each in frame.said.above(min_confidence)
            ]
    return [found for camera, boxes in sorted(cameras.items()) for found in _things(camera, boxes)]


def write_false_triggers(file: Path, found: Sequence[FalseTrigger]) -> None:
    """Write a manifest of the boxes, as `adapt --background` takes one, in one step."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for each in found:
        row = (
            *(str(each.path.absolute()), *each.box),
            *(str(each.camera), each.thing, each.n_frames, each.confidence),
        )
        table.writerow(map(in_csv, row))
    replace_file(file, text.getvalue().encode(errors="surrogateescape"))


def _things(camera: Path, boxes: Sequence[tuple[Path, Detection]]) -> list[FalseTrigger]:
    """The things of one camera, each time the one of most boxes that are not yet of another."""
    if len(boxes) < FEWEST_FRAMES:
        return []
    sides_N4 = _sides([detection.box for _, detection in boxes])
    tree = cKDTree(sides_N4)
    near = {"r": SAME_SIDE, "p": np.inf}
    n_alike = tree.query_ball_point(sides_N4, **near, return_length=True)
    free = np.ones(len(boxes), dtype=bool)
    things: list[list[int]] = []
    for number in np.argsort(-n_alike, kind="stable").tolist():
        if n_alike[number] < FEWEST_FRAMES:
            break
        if free[number]:
            alike = [each for each in tree.query_ball_point(sides_N4[number], **near) if free[each]]
            if len({boxes[each][0] for each in alike}) >= FEWEST_FRAMES:
                free[alike] = False
                things.append(sorted(alike))
    return [
        FalseTrigger(
            camera,
            thing,
            len({boxes[each][0] for each in members}),
            boxes[each][0],
            boxes[each][1].box,
            boxes[each][1].confidence,
        )
        for thing, members in enumerate(sorted(things, key=len, reverse=True), start=1)
        for each in members
    ]


def _sides(boxes: Sequence[Box]) -> Float[np.ndarray, "n 4"]:
    """Left, top, right and bottom."""
    rows = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:]], axis=1)
