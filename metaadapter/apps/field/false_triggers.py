"""False triggers: boxes of a static object, such as a branch, that recur at one camera."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from metaadapter.apps.field.frames import Frame, camera_folder
from metaadapter.data.boxes.frame_detections import Detection
from metaadapter.data.crop import Box
from metaadapter.data.table_file import write_table

# Two boxes show the same object if no side differs by more than this fraction of the frame, the
# precision with which detectors place boxes around a static object.
SAME_SIDE = 0.02
# Animals rarely stay still in so many frames; MegaDetector's tools require a similar number.
FEWEST_FRAMES = 10
COLUMNS = (
    *("path", "box_left", "box_top", "box_width", "box_height"),
    *("camera", "thing", "n_frames", "confidence"),
)


class FalseTrigger(NamedTuple):
    """A box that recurs in many frames of one camera."""

    camera: Path
    thing: int
    """The number of the object at its camera; object 1 has the most boxes."""
    n_frames: int
    """The number of frames in which the object has a box."""
    path: Path
    box: Box
    confidence: float


def false_triggers(frames: Iterable[Frame], min_confidence: float) -> list[FalseTrigger]:
    """Return the boxes that recur in `FEWEST_FRAMES` frames; some may show a sleeping animal."""
    cameras = defaultdict[Path, list[tuple[Path, Detection]]](list)
    for frame in frames:
        if frame.detections is not None:
            cameras[camera_folder(frame.row.path)] += [
                (frame.row.path, box) for box in frame.detections.above(min_confidence)
            ]
    return [
        trigger
        for camera, boxes in sorted(cameras.items())
        for trigger in _static_boxes(camera, boxes)
    ]


def write_false_triggers(file: Path, triggers: Sequence[FalseTrigger]) -> None:
    """Write the boxes, in one step, as a manifest for `adapt --background`."""
    rows = [
        (
            *(str(trigger.path.absolute()), *trigger.box),
            *(str(trigger.camera), trigger.thing, trigger.n_frames, trigger.confidence),
        )
        for trigger in triggers
    ]
    write_table(file, COLUMNS, rows)


def _static_boxes(camera: Path, boxes: Sequence[tuple[Path, Detection]]) -> list[FalseTrigger]:
    """Group boxes by object, greedily: the box with the most near boxes takes the free ones."""
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
            alike = [
                other for other in tree.query_ball_point(sides_N4[number], **near) if free[other]
            ]
            if len({boxes[other][0] for other in alike}) >= FEWEST_FRAMES:
                free[alike] = False
                things.append(sorted(alike))
    return [
        FalseTrigger(
            camera,
            thing,
            len({boxes[member][0] for member in members}),
            boxes[number][0],
            boxes[number][1].box,
            boxes[number][1].confidence,
        )
        for thing, members in enumerate(sorted(things, key=len, reverse=True), start=1)
        for number in members
    ]


def _sides(boxes: Sequence[Box]) -> Float[np.ndarray, "n 4"]:
    rows = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:]], axis=1)
