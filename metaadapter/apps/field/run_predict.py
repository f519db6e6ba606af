"""Predictions for camera traps: what `workflow` predicts, with detections, series and species."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.field.frame_predictions import FieldOptions, encode_frames
from metaadapter.apps.field.frames import Frame, in_parts, read_times
from metaadapter.apps.field.series import in_series
from metaadapter.apps.field.species_predictions import predict_species
from metaadapter.data.crop import Box
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.encoding_loop import Progress
from metaadapter.workflow.prediction_parts import Part
from metaadapter.workflow.prediction_request import PredictionRequest
from metaadapter.workflow.prediction_table import PredictionTable
from metaadapter.workflow.predictions import Prediction
from metaadapter.workflow.queries import PICTURES_AT_ONCE
from metaadapter.workflow.run_predict import Predicted, run_parts, run_request, whole_warnings


@dataclass(frozen=True, slots=True)
class FieldRequest:
    """A request for predictions of frames of camera traps."""

    request: PredictionRequest
    options: FieldOptions
    folders: Sequence[Path] = ()
    burst: float | None = None
    needs_times: bool = False

    def parts(self, progress: Callable[[Progress], None]) -> list[list[Frame]]:
        """Divide the frames into parts to predict one after the other; no series is divided."""
        detections = self.options.detections
        rows = _by_picture(self.request.queries.rows, boxed=detections is not None)
        if detections is not None:
            detections.require_some([row.path for row in rows], self.folders)
        frames = []
        for row in rows:
            boxes = None if detections is None else detections.of(row.path, self.folders)
            frames.append(Frame(row, boxes, None if boxes is None else boxes.time))
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
    """Predict part by part, and return the frames too; none if feature stores are predicted."""
    request, options = field_request.request, field_request.options
    if request.queries.stored:

        def predictor(stored: StoredAdapter, pictures: EncodedPictures) -> list[Prediction]:
            return predict_species(options.species, stored, pictures, request.options)

        predicted = run_request(request, table=table, progress=progress, predictor=predictor)
        predicted.tally.warnings += options.warnings
        return predicted, []
    groups = field_request.parts(progress)
    parts = [
        Part.of_rows(
            [frame.row for frame in frames],
            partial(encode_frames, frames, request.stored.config.origin, request.options, options),
        )
        for frames in groups
    ]
    warnings = [*options.warnings, *_time_warnings(groups, field_request.burst)]
    warnings += whole_warnings(request) if options.detections is None else ()
    predicted = run_parts(request, parts, warnings=warnings, table=table, progress=progress)
    return predicted, [frame for frames in groups for frame in frames]


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
