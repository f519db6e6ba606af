"""Predictions for camera traps: frames with detections, series and species, on top of workflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.field.frame_predictions import FieldOptions, predict_frames, predict_species
from metaadapter.apps.field.frames import Frame, frames_of, in_parts, read_times
from metaadapter.apps.field.series import in_series
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.predicting import (
    Part,
    Predicted,
    PredictionRequest,
    run_parts,
    run_request,
)
from metaadapter.workflow.prediction_table import PredictionTable
from metaadapter.workflow.predictions import Prediction
from metaadapter.workflow.queries import PICTURES_AT_ONCE
from metaadapter.workflow.scores import Tally


@dataclass(frozen=True, slots=True)
class FieldRequest:
    """A request of predictions for frames of camera traps.

    Attributes:
        request: The pictures and the adapter.
        options: What is known about frames beside their pixels.
        folders: The folders where paths in a detector's file may begin.
        burst: The most seconds between two frames of a series; `None` for no series.
        needs_times: Whether to read when each frame was taken.
    """

    request: PredictionRequest
    options: FieldOptions
    folders: Sequence[Path] = ()
    burst: float | None = None
    needs_times: bool = False

    def parts(self, progress: Callable[[Progress], None]) -> list[list[Frame]]:
        """The frames in parts of whole series.

        Raises:
            DataError: The detector's file lists none of the frames.
        """
        rows, detections = self.request.queries.rows, self.options.detections
        if detections is not None:
            detections.require_some([row.path for row in rows], self.folders)
        frames = frames_of(rows, detections, self.folders)
        if self.needs_times:
            frames = read_times(frames, progress)
        groups: Sequence[Sequence[Frame]] = [[frame] for frame in frames]
        if self.burst is not None:
            groups = in_series(frames, self.burst)
        return [*in_parts(groups, PICTURES_AT_ONCE)]


def predict_field(
    field_request: FieldRequest,
    *,
    table: PredictionTable | None,
    progress: Callable[[Progress], None],
) -> tuple[Predicted, list[Frame]]:
    """Predict for frames part by part; for features of stores, all at once and without frames.

    Args:
        field_request: The frames and the adapter.
        table: Stores the predictions of each part, and those of an interrupted run.
        progress: Called while times are read, and after each batch that is encoded.

    Returns:
        The predictions, and the frames in their order.

    Raises:
        DataError: No frame can be read.
        IncompatibleArtifact: The encoder is not the adapter's.
    """
    request, options = field_request.request, field_request.options
    if request.needs_all_at_once:

        def predictor(stored: StoredAdapter, pictures: EncodedPictures) -> list[Prediction]:
            return predict_species(options.species, stored, pictures, request.options)

        run = partial(run_request, request, table=table, progress=progress)
        return run(predictor=predictor), []
    groups = field_request.parts(progress)
    parts = [
        Part([frame.row for frame in frames], partial(_predict, field_request, frames))
        for frames in groups
    ]
    warnings = _time_warnings(groups, field_request.burst)
    predicted = run_parts(request, parts, warnings=warnings, table=table, progress=progress)
    return predicted, [frame for frames in groups for frame in frames]


def _predict(
    field_request: FieldRequest,
    frames: Sequence[Frame],
    encoder: ImageEncoder,
    progress: Callable[[Progress], None],
) -> tuple[list[Prediction], Tally]:
    request = field_request.request
    return predict_frames(
        frames, request.stored, request.options, field_request.options, encoder, progress
    )


def _time_warnings(parts: Sequence[Sequence[Frame]], burst: float | None) -> list[str]:
    frames = [frame for part in parts for frame in part]
    n = sum(frame.time is None for frame in frames)
    if burst is None or not n:
        return []
    return [f"{n} of {len(frames)} frames have no EXIF time: each is a series of its own"]
