"""The frames of a season among which those to label are chosen.

Boxes of a static object, such as a branch, recur at one camera: they are false triggers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from metaadapter.apps.field.detections import Detections
from metaadapter.apps.field.frames import Frame, camera_folder
from metaadapter.apps.field.series import in_series
from metaadapter.data.boxes.frame_detections import Detection
from metaadapter.data.crop import Box
from metaadapter.data.table import ImageRow

# Two boxes show the same object if no side differs by more than this fraction of the frame, the
# precision with which detectors place boxes around a static object.
SAME_SIDE = 0.02
# Animals rarely stay still in so many frames; MegaDetector's tools require a similar number.
FEWEST_FRAMES = 10


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


# Frames of one camera within a minute of one another show the same animal.
SAME_ANIMAL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Candidates:
    """Frames that may be worth a label."""

    animals: tuple[ImageRow, ...]
    """One frame of each series: its surest box; without a detector the whole frame."""
    likely_empty: tuple[ImageRow, ...]
    """Boxes that recur at one place, one of each object; then frames without a box, in turn from
    each camera, and cut where that camera has an animal at another time: what `adapt` learns from
    should look like the boxes of false alarms. In whole frames these would look unlike it."""
    n_unlisted: int
    """The number of frames that the detector's file does not list, or could not read."""


def candidates(
    frames: Sequence[Frame], detections: Detections | None, min_confidence: float
) -> Candidates:
    """Choose the frames of which a few are then labelled; at most one of each series."""
    series = in_series(frames, SAME_ANIMAL_SECONDS)
    if detections is None:
        return Candidates(tuple(some[len(some) // 2].row for some in series), (), 0)
    triggers = false_triggers(frames, min_confidence)
    static = {(trigger.path, trigger.box) for trigger in triggers}
    animals, blank = list[ImageRow](), list[ImageRow]()
    for some in series:
        boxes = [
            (detection, frame)
            for frame in some
            for detection in _above(frame, min_confidence)
            if (frame.row.path, detection.box) not in static
        ]
        classified = [box for box in boxes if box[0].category in detections.classified]
        if classified:
            surest, frame = max(classified, key=lambda box: box[0].confidence)
            animals.append(replace(frame.row, box=surest.box))
        elif not boxes:
            blank += [frame.row for frame in some if _is_blank(frame, min_confidence)][:1]
    by_thing = {
        (trigger.camera, trigger.thing): ImageRow(trigger.path, None, box=trigger.box)
        for trigger in sorted(triggers, key=lambda trigger: (trigger.n_frames, trigger.confidence))
    }
    things = [*by_thing.values()][::-1]
    lost = sum(frame.detections is None or bool(frame.detections.failure) for frame in frames)
    return Candidates(tuple(animals), (*things, *_cut(_in_turn(blank), animals)), lost)


def _above(frame: Frame, min_confidence: float) -> tuple[Detection, ...]:
    return () if frame.detections is None else frame.detections.above(min_confidence)


def _is_blank(frame: Frame, min_confidence: float) -> bool:
    listed = frame.detections is not None and not frame.detections.failure
    return listed and not _above(frame, min_confidence)


def _cut(blank: Sequence[ImageRow], animals: Sequence[ImageRow]) -> list[ImageRow]:
    """Give each frame the box of an animal, of its own camera if that has any."""
    boxes = defaultdict[Path, list[Box | None]](list)
    for row in animals:
        boxes[camera_folder(row.path)].append(row.box)
    others = [row.box for row in animals] or [None]
    cut = []
    for number, row in enumerate(blank):
        some = boxes.get(camera_folder(row.path), others)
        cut.append(replace(row, box=some[number % len(some)]))
    return cut


def _in_turn(rows: Sequence[ImageRow]) -> list[ImageRow]:
    """Order rows by turns of their cameras; those of a camera begin in the middle of its season."""
    cameras = defaultdict[Path, list[ImageRow]](list)
    for row in rows:
        cameras[camera_folder(row.path)].append(row)
    numbered = [
        (turn, row)
        for of_camera in cameras.values()
        for turn, row in enumerate(
            of_camera[len(of_camera) // 2 :] + of_camera[: len(of_camera) // 2]
        )
    ]
    return [row for _, row in sorted(numbered, key=lambda pair: pair[0])]
