"""What an adapter answers for frames: for each box of a detector, or for each frame as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.field.detections import Detection, Detections
from metaadapter.apps.field.frames import Frame
from metaadapter.apps.field.species import EMPTY, Species, is_nothing
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.encoding_loop import Progress, encode_pictures
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.duplicates import contradictions, equal_pictures
from metaadapter.features.store.rows import StoredPicture
from metaadapter.workflow.predictions import Asked, Prediction, Shares, predict_pictures
from metaadapter.workflow.tally import Tally


@dataclass(frozen=True, slots=True)
class FieldOptions:
    """What is known of frames beside their pixels, and how they are asked about."""

    detections: Detections | None = None
    min_confidence: float = 0.2
    """Boxes of a lower one are passed over."""
    species: Species = field(default_factory=Species)

    @property
    def identity(self) -> tuple[object, ...]:
        """Changes with anything that answers depend on."""
        found = self.detections
        species = self.species
        allowed = None if species.allowed is None else sorted(species.allowed)
        confidence = None if found is None else self.min_confidence
        return (found and found.sha256, confidence, allowed, sorted(species.parents.items()))


@dataclass(frozen=True, slots=True)
class _Question:
    frame: Frame
    detection: Detection | None

    @property
    def row(self) -> ImageRow:
        row = self.frame.row
        return row if self.detection is None else replace(row, box=self.detection.box)


def answer_frames(
    frames: Sequence[Frame],
    stored: StoredAdapter,
    encoder: ImageEncoder,
    asked: Asked,
    options: FieldOptions,
    progress: Callable[[Progress], None],
) -> tuple[list[Prediction], Tally]:
    """Predictions for some frames, whole series of them, in the order of the frames.

    A frame has one prediction for each box, the surest first. Boxes that are no animals have the
    detector's answer; where it found nothing the answer is `EMPTY`.
    """
    unreadable = [each for each in (_unasked(frame, options) for frame in frames) if each]
    left_out = {str(each.path) for each in unreadable}
    there = [frame for frame in frames if str(frame.row.path) not in left_out]
    questions = [question for frame in there for question in _questions(frame, options)]
    found, more = _encoded(questions, stored, encoder, progress)
    unreadable += more
    read, pictures = found
    classes = [str(label) for label in stored.config.classes]
    groups = [question.frame.series for question in read]

    def reconsider(shares: Shares) -> Shares:
        rows = options.species.among_allowed(shares.classes_NC, classes)
        return merged_in_series(Shares(rows, shares.known_N), groups, classes)

    answers = defaultdict[str, list[Prediction]](list)
    for question, prediction in zip(
        read, predict_pictures(stored, pictures, asked, reconsider), strict=True
    ):
        own = options.species.rolled_up(prediction)
        answers[prediction.path].append(_told(own, question.frame, question.detection))
    lost = {str(each.path) for each in more}
    predictions = [
        prediction
        for frame in there
        if str(frame.row.path) not in lost
        for prediction in [*answers[str(frame.row.path)], *_by_detector(frame, options)]
    ]
    warnings = contradictions(equal_pictures(pictures.pictures))
    return predictions, Tally.of(predictions, warnings, unreadable)


def merged_in_series(
    shares: Shares, series: Sequence[str | None], classes: Sequence[str]
) -> Shares:
    """One answer for the pictures of a series: the mean of their probabilities.

    A series is taken to show one species. Pictures that most probably show nothing keep their own
    answer and have no part in the mean, for an animal comes and goes while the camera goes on.
    """
    rows_NC = shares.classes_NC.copy()
    known_N = None if shares.known_N is None else shares.known_N.copy()
    shows_nothing_C = np.array([is_nothing(label) for label in classes])
    members = defaultdict[str, list[int]](list)
    for number, name in enumerate(series):
        if name is not None and not shows_nothing_C[rows_NC[number].argmax()]:
            members[name].append(number)
    for numbers in members.values():
        rows_NC[numbers] = rows_NC[numbers].mean(0)
        if known_N is not None:
            known_N[numbers] = known_N[numbers].mean()
    return Shares(rows_NC, known_N)


def _unasked(frame: Frame, options: FieldOptions) -> UnreadableImage | None:
    """Why nothing can be said of a frame, if that is so."""
    if options.detections is None:
        return None
    if frame.said is None:
        reason = f"{options.detections.source} does not have it"
        return UnreadableImage(frame.row.path, reason)
    if frame.said.failure:
        return UnreadableImage(frame.row.path, f"the detector says: {frame.said.failure}")
    return None


def _questions(frame: Frame, options: FieldOptions) -> list[_Question]:
    if options.detections is None or frame.said is None:
        return [_Question(frame, None)]
    return [
        _Question(frame, detection)
        for detection in frame.said.above(options.min_confidence)
        if detection.category in options.detections.classified
    ]


def _encoded(
    questions: Sequence[_Question],
    stored: StoredAdapter,
    encoder: ImageEncoder,
    progress: Callable[[Progress], None],
) -> tuple[tuple[list[_Question], EncodedPictures], list[UnreadableImage]]:
    """The questions whose pictures could be read with their features, and those that could not."""
    origin = stored.config.origin
    rows = [question.row for question in questions]
    features, contents = encode_pictures(
        [row.picture for row in rows],
        encoder,
        views=origin.n_views,
        seed=origin.seed,
        progress=progress,
    )
    read = [(n, it) for n, it in enumerate(contents) if isinstance(it, str)]
    pictures = tuple(
        StoredPicture(str(rows[n].path), rows[n].label or "", "", "", sha256) for n, sha256 in read
    )
    failed = {str(it.path): it for it in contents if isinstance(it, UnreadableImage)}
    encoded = EncodedPictures(pictures, features)
    return ([questions[n] for n, _ in read], encoded), [*failed.values()]


def _by_detector(frame: Frame, options: FieldOptions) -> list[Prediction]:
    """What the detector alone answers: boxes that are not classified, or that there is nothing."""
    if options.detections is None or frame.said is None:
        return []
    above = frame.said.above(options.min_confidence)
    if not above:
        most = max((each.confidence for each in frame.said.detections), default=0.0)
        return [_told(_answer(frame, EMPTY, 1 - most), frame, None)]
    return [
        _told(_answer(frame, each.category, each.confidence), frame, each)
        for each in above
        if each.category not in options.detections.classified
    ]


def _answer(frame: Frame, label: str, probability: float) -> Prediction:
    path, own = str(frame.row.path), frame.row.label or ""
    return Prediction(path, label, probability, "", 0.0, False, {}, true_label=own)


def _told(prediction: Prediction, frame: Frame, detection: Detection | None) -> Prediction:
    return prediction._replace(
        box=frame.row.box if detection is None else detection.box,
        detected=detection and detection.category,
        confidence=detection and detection.confidence,
        time=None if frame.time is None else frame.time.isoformat(),
        series=frame.series,
    )
