"""Predictions for camera traps: one for each box of a detector, or for each frame as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.field.detections import Detections
from metaadapter.apps.field.fauna import Fauna
from metaadapter.apps.field.frames import Frame, in_parts, read_times
from metaadapter.apps.field.series import Seen, in_series, number_animals
from metaadapter.apps.field.species import EMPTY
from metaadapter.apps.field.species_predictions import BoxFacts, predict_species
from metaadapter.data.boxes.boxed_table import MIN_CONFIDENCE
from metaadapter.data.boxes.frame_detections import Detection
from metaadapter.data.crop import Box
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.encoding_loop import encode_pictures
from metaadapter.features.encoding_pipeline import Pipeline
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.picture_facts import PictureFacts, contradictions, equal_pictures
from metaadapter.workflow.prediction.prediction_rows import Outcome
from metaadapter.workflow.prediction.prediction_table import PredictionTable
from metaadapter.workflow.prediction.predictions import Prediction, PredictionOptions
from metaadapter.workflow.prediction.query_parts import PICTURES_AT_ONCE, EncodedPart, Part
from metaadapter.workflow.prediction.run_predict import (
    Predicted,
    PredictionRequest,
    run_request,
    whole_warnings,
)


@dataclass(frozen=True, slots=True)
class FieldOptions:
    """Facts about frames that their pixels do not show: detections and species."""

    detections: Detections | None = None
    min_confidence: float = MIN_CONFIDENCE
    """Boxes of lower confidence are ignored."""
    allowed: frozenset[str] | None = None
    """The classes that occur at the place; `None` means all."""
    fauna: Fauna | None = None
    """The species that the detector's file names."""
    warnings: tuple[str, ...] = ()
    """Sentences on what the options' files contain."""
    folders: Sequence[Path] = ()
    """The folders of the pictures, to which the names in the detector's file may be relative."""
    burst: float | None = None
    """The most seconds between two frames of a series; `None` for no series."""
    needs_times: bool = False

    @property
    def identity(self) -> tuple[object, ...]:
        """A value that differs if any option that predictions depend on differs."""
        boxes = self.detections
        allowed = None if self.allowed is None else sorted(self.allowed)
        confidence = None if boxes is None else self.min_confidence
        others = sorted(self.fauna.others) if self.fauna else []
        return (self.burst, boxes and boxes.sha256, confidence, allowed, others)


def encode_frames(
    frames: Sequence[Frame],
    origin: Origin,
    prediction_options: PredictionOptions,
    options: FieldOptions,
    load: Callable[[], ImageEncoder],
) -> EncodedPart:
    """Encode the classified boxes of whole series of frames; `origin` is that of the adapter."""
    lost = {number: _undetected(frame, options) for number, frame in enumerate(frames)}
    unreadable = {number: image for number, image in lost.items() if image is not None}
    boxes = [
        (number, detection)
        for number, frame in enumerate(frames)
        if number not in unreadable
        for detection in _boxes(frame, options)
    ]
    read, pictures, failed = _encode(frames, boxes, origin, load())
    facts = (frames, read, unreadable | failed, prediction_options, options)
    return EncodedPart(pictures, partial(_predict_frames, *facts))


def _predict_frames(
    frames: Sequence[Frame],
    read: Sequence[tuple[int, Detection | None]],
    unreadable: Mapping[int, UnreadableImage],
    prediction_options: PredictionOptions,
    options: FieldOptions,
    stored: StoredAdapter,
    pictures: EncodedPictures,
) -> tuple[list[Outcome], Sequence[str]]:
    """Return predictions and unreadable frames in the order of the frames, and warnings.

    A frame has one prediction for each box: first the classified boxes, then the others, labelled
    with the detector's category; both by confidence. A frame without a box has the label `EMPTY`.
    """
    by_number = defaultdict[int, list[Prediction]](list)
    first = {frame.row.path: number for number, frame in reversed([*enumerate(frames)])}
    animals = number_animals(
        [
            Seen(
                frames[number].series,
                first[frames[number].row.path],  # a manifest may have several boxes of a frame
                frames[number].row.box if detection is None else detection.box,
            )
            for number, detection in read
        ]
    )
    facts = [
        BoxFacts(
            animal and (frames[number].series, animal),
            1.0 if detection is None else detection.confidence,
            detection and detection.category,
            {} if detection is None else detection.species,
        )
        for (number, detection), animal in zip(read, animals, strict=True)
    ]
    predictions = predict_species(
        stored,
        pictures,
        prediction_options,
        allowed=options.allowed,
        facts=facts,
        fauna=options.fauna,
    )
    for (number, detection), prediction, animal in zip(read, predictions, animals, strict=True):
        source = None if options.detections is None else prediction.source or "adapter"
        of_box = prediction._replace(animal=animal, source=source)
        by_number[number].append(_of_frame(of_box, frames[number], detection))
    outcomes: list[Outcome] = []
    for number, frame in enumerate(frames):
        if number in unreadable:
            outcomes.append(unreadable[number])
        else:
            outcomes += (*by_number[number], *_by_detector(frame, options))
    return outcomes, [*contradictions(equal_pictures(pictures.pictures))]


def _undetected(frame: Frame, options: FieldOptions) -> UnreadableImage | None:
    if options.detections is None:
        return None
    if frame.detections is None:
        return UnreadableImage(frame.row.path, f"{options.detections.source} does not have it")
    if frame.detections.failure:
        reason = f"the detector reports: {frame.detections.failure}"
        return UnreadableImage(frame.row.path, reason)
    return None


def _boxes(frame: Frame, options: FieldOptions) -> list[Detection | None]:
    """The boxes of a frame to classify; without a detector, `None` stands for the whole frame."""
    if options.detections is None or frame.detections is None:
        return [None]
    return [
        detection
        for detection in frame.detections.above(options.min_confidence)
        if detection.category in options.detections.classified
    ]


def _encode(
    frames: Sequence[Frame],
    boxes: Sequence[tuple[int, Detection | None]],
    origin: Origin,
    encoder: ImageEncoder,
) -> tuple[list[tuple[int, Detection | None]], EncodedPictures, dict[int, UnreadableImage]]:
    """Encode boxes; return the readable ones, their features, frame number → unreadable image."""
    rows = [
        frames[number].row if detection is None else replace(frames[number].row, box=detection.box)
        for number, detection in boxes
    ]
    features, contents = encode_pictures(
        [row.picture for row in rows],
        Pipeline(encoder, origin.n_views, origin.seed),
    )
    pictures = tuple(
        PictureFacts(str(row.path), row.label or "", "", "", content)
        for row, content in zip(rows, contents, strict=True)
        if isinstance(content, str)
    )
    read = [box for box, content in zip(boxes, contents, strict=True) if isinstance(content, str)]
    failed = {
        number: content
        for (number, _), content in zip(boxes, contents, strict=True)
        if isinstance(content, UnreadableImage)
    }
    return read, EncodedPictures(pictures, features), failed


def _by_detector(frame: Frame, options: FieldOptions) -> list[Prediction]:
    """Predictions with the detector's labels, for unclassified boxes or for an empty frame."""
    if options.detections is None or frame.detections is None:
        return []
    above = frame.detections.above(options.min_confidence)
    if not above:
        most = max((detection.confidence for detection in frame.detections.detections), default=0.0)
        return [_of_frame(_detected(frame, EMPTY, 1 - most), frame, None)]
    return [
        _of_frame(_detected(frame, detection.category, detection.confidence), frame, detection)
        for detection in above
        if detection.category not in options.detections.classified
    ]


def _detected(frame: Frame, label: str, probability: float) -> Prediction:
    path, true_label = str(frame.row.path), frame.row.label or ""
    return Prediction(
        path, label, probability, "", 0.0, False, {}, true_label=true_label, source="detector"
    )


def _of_frame(prediction: Prediction, frame: Frame, detection: Detection | None) -> Prediction:
    return prediction._replace(
        box=frame.row.box if detection is None else detection.box,
        detected=detection and detection.category,
        confidence=detection and detection.confidence,
        time=None if frame.time is None else frame.time.isoformat(),
        series=frame.series,
    )


def predict_field(
    request: PredictionRequest, options: FieldOptions, *, table: PredictionTable | None
) -> Predicted:
    """Predict part by part."""
    groups = _parts(request.queries.rows, options)
    origin = request.stored.config.origin
    parts = [
        Part.of_rows(
            [frame.row for frame in frames],
            partial(encode_frames, frames, origin, request.options, options),
        )
        for frames in groups
    ]
    warnings = [*options.warnings, *_time_warnings(groups, options.burst)]
    warnings += whole_warnings(request) if options.detections is None else ()
    return run_request(request, parts=parts, warnings=warnings, table=table)


def _parts(rows: Sequence[ImageRow], options: FieldOptions) -> list[list[Frame]]:
    """Divide the frames into parts to predict one after the other; no series is divided."""
    detections = options.detections
    rows = _by_picture(rows, boxed=detections is not None)
    if detections is not None:
        detections.require_some([row.path for row in rows], options.folders)
    frames = [
        Frame(row, None if detections is None else detections.of(row.path, options.folders))
        for row in rows
    ]
    if options.needs_times:
        frames = read_times(frames)
    groups: Sequence[Sequence[Frame]] = [[frame] for frame in frames]
    if options.burst is not None:
        groups = in_series(frames, options.burst)
    return [*in_parts(groups, PICTURES_AT_ONCE)]


def _by_picture(rows: Sequence[ImageRow], *, boxed: bool) -> list[ImageRow]:
    """Return each box once, those of a picture together; pictures once if a detector has boxes."""
    pictures: dict[Path, dict[Box | None, ImageRow]] = {}
    for row in rows:
        row = replace(row, box=None) if boxed else row
        pictures.setdefault(row.path, {}).setdefault(row.box, row)
    return [row for of_picture in pictures.values() for row in of_picture.values()]


def _time_warnings(parts: Sequence[Sequence[Frame]], burst: float | None) -> list[str]:
    frames = [frame for part in parts for frame in part]
    n = sum(frame.time is None for frame in frames)
    if burst is None or not n:
        return []
    return [f"{n} of {len(frames)} frames have no EXIF time, so each is a series of its own"]
