"""The answers of a project as predictions for frames, which the wing for camera traps writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from metaadapter.apps.field.detections import Detections
from metaadapter.apps.field.frame_predictions import FieldOptions
from metaadapter.apps.field.frames import Frame, common_folder, relative_name
from metaadapter.apps.field.series import Seen, in_series
from metaadapter.apps.field.species import EMPTY
from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.entries import NONE, BoxEntry
from metaadapter.data.boxes.frame_detections import Detection, FrameDetections
from metaadapter.data.boxes.megadetector import USUAL_CATEGORIES
from metaadapter.data.class_names import same_label_spelling
from metaadapter.data.table import ImageRow
from metaadapter.workflow.prediction.predictions import UNKNOWN, Prediction

MIN_CONFIDENCE = FieldOptions().min_confidence
"""Boxes of lower confidence become pictures only if a person accepts them."""


def series_of(contents: Contents) -> dict[str, Seen]:
    """Picture → its series and frame, for whole pictures and those in boxes.

    A series has the id of its first frame. The result is empty if the project forms no series.
    """
    seen: dict[str, Seen] | None = contents.derived.get("series")
    if seen is None:
        seconds = contents.settings.burst
        contents.derived["series"] = seen = {} if seconds is None else _series(contents, seconds)
    return seen


def _series(contents: Contents, seconds: float) -> dict[str, Seen]:
    frames = [
        # Two pictures may have the same name, but no two have the same id.
        Frame(
            ImageRow(Path(entry.name).parent / key, None),
            time=datetime.fromisoformat(entry.time) if entry.time else None,
        )
        for key, entry in contents.pictures.items()
        if entry.crop is None
    ]
    groups = in_series(frames, seconds)
    seen = {
        frame.row.path.name: Seen(group[0].row.path.name, number, None)
        for group in groups
        for number, frame in enumerate(group)
    }
    for key, entry in contents.pictures.items():
        if entry.crop is not None and entry.crop.frame in seen:
            seen[key] = seen[entry.crop.frame]._replace(box=entry.crop.box)
    return seen


@dataclass(frozen=True, slots=True)
class FrameAnswers:
    """Predictions in the order of the frames, series by series, with their boxes."""

    predictions: tuple[Prediction, ...]
    folder: Path
    """The folder that the names of frames are relative to; it is on no disk."""
    detections: Detections
    labels: tuple[str, ...]
    """All possible answers."""


def frame_answers(
    contents: Contents, answers: Mapping[str, Prediction], threshold: float, project: str
) -> FrameAnswers:
    """The labels and answers of a project, by frame.

    A label has the probability 1. An answer below the threshold or for an unfamiliar picture, and a
    picture that shows none of the classes, is `UNKNOWN`. A box without an answer, such as that of a
    person, has the detector's category; a frame without boxes is `EMPTY`. If there are frames with
    boxes, other pictures are left out, and so are examples.
    """
    whole, series = _frames(contents), series_of(contents)

    def place(key: str) -> tuple[int, int]:
        group, frame, _ = series.get(key, Seen(key, 0, None))
        return contents.pictures[group or key].place, frame

    whole.sort(key=place)
    paths = _paths(Path("/", project), {key: contents.pictures[key].name for key in whole})
    crops = contents.crops_of(whole)
    predictions, frames = list[Prediction](), dict[str, FrameDetections]()
    for frame in whole:
        entry, path = contents.pictures[frame], str(paths[frame])
        boxes = [*(entry.boxes or ())]
        if entry.is_frame:
            made = _of_frame(contents, crops[frame], boxes, answers, threshold)
            boxes = [box for crop in crops[frame] if (box := contents.pictures[crop].crop)] + boxes
            detected = tuple(Detection(box.category, box.confidence, box.box) for box in boxes)
            frames[path] = FrameDetections(paths[frame].name, detected)
        else:
            answer = _answer(contents, frame, answers, threshold)
            made = [] if answer is None else [answer]
        group = None
        if frame in series and (first := series[frame].series) is not None:
            group = str(paths.get(first, first))
        predictions += [
            prediction._replace(path=path, time=entry.time, series=group) for prediction in made
        ]
    folder = common_folder([ImageRow(path, None) for path in paths.values()])
    labels = (*dict.fromkeys((*contents.class_names.values(), UNKNOWN)),)
    detections = _detections(frames, folder, contents.settings.detector or "unknown")
    return FrameAnswers(tuple(predictions), folder, detections, labels)


def _frames(contents: Contents) -> list[str]:
    """The pictures to write: frames with boxes, if there are any, but no examples.

    A folder with the name of a class has examples, which may come from elsewhere.
    """
    whole = {key: entry for key, entry in contents.pictures.items() if entry.crop is None}
    frames = [key for key, entry in whole.items() if entry.boxes is not None]
    classes = {same_label_spelling(entry.name) for entry in contents.classes.values()}
    return [
        key
        for key in frames or whole
        if not frames or same_label_spelling(Path(whole[key].name).parent.name) not in classes
    ]


def _of_frame(
    contents: Contents,
    crops: Sequence[str],
    others: Sequence[BoxEntry],
    answers: Mapping[str, Prediction],
    threshold: float,
) -> list[Prediction]:
    """Predictions for the boxes of a frame: those that are pictures, then those of others."""
    predictions = []
    for crop in crops:
        box, answer = contents.pictures[crop].crop, _answer(contents, crop, answers, threshold)
        assert box is not None
        predictions.append(_in_box(answer or _detected(box.category, box.confidence), box))
    for other in others:
        if other.confidence >= MIN_CONFIDENCE:
            predictions.append(_in_box(_detected(other.category, other.confidence), other))
    if not predictions:
        most = max((box.confidence for box in others), default=0.0)
        predictions.append(_detected(EMPTY, 1 - most))
    return predictions


def _answer(
    contents: Contents, picture: str, answers: Mapping[str, Prediction], threshold: float
) -> Prediction | None:
    """A label or an answer, with names of classes; `None` without either."""
    labels, prediction = contents.pictures[picture].labels, answers.get(picture)
    for label in labels:
        name = UNKNOWN if label == NONE else contents.classes[label].name
        return _detected(name, 1.0)._replace(probabilities={name: 1.0}, source="person")
    if prediction is None or prediction.label not in contents.classes:
        return None
    name, other = (
        contents.classes[prediction.label].name,
        contents.classes.get(prediction.runner_up),
    )
    shares, second = {name: prediction.probability}, "" if other is None else other.name
    if second:
        shares[second] = prediction.runner_up_probability
    named = prediction._replace(label=name, runner_up=second, probabilities=shares)
    is_unsure = prediction.unfamiliar or prediction.probability < threshold
    return named.rejected if is_unsure else named


def _detected(label: str, probability: float) -> Prediction:
    return Prediction("", label, probability, "", 0.0, False, {}, source="detector")


def _in_box(prediction: Prediction, box: BoxEntry) -> Prediction:
    return prediction._replace(box=box.box, detected=box.category, confidence=box.confidence)


def _paths(root: Path, names: Mapping[str, str]) -> dict[str, Path]:
    """Picture → its path; a name that another picture has too is preceded by the picture's id."""
    paths, taken = dict[str, Path](), set[Path]()
    for picture, name in names.items():
        path = root / name
        paths[picture] = path.with_name(f"{picture[:8]}-{path.name}") if path in taken else path
        taken.add(path)
    return paths


def _detections(frames: Mapping[str, FrameDetections], folder: Path, detector: str) -> Detections:
    """The boxes as a detector's file holds them, with names of frames relative to a folder."""
    named = {
        path: frame._replace(file=relative_name(Path(path), folder))
        for path, frame in frames.items()
    }
    used = {box.category for frame in frames.values() for box in frame.detections}
    new = sorted(used - {*USUAL_CATEGORIES.values()})
    categories = {**USUAL_CATEGORIES, **{str(n): name for n, name in enumerate(new, 4)}}
    return Detections(folder, "", {"detector": detector}, categories, named)
