"""The part of `metaadapter predict` for camera traps, used if one of its options is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from metaadapter.apps.cli.field_files import FieldFiles, require_pictures
from metaadapter.apps.field.frames import Frame
from metaadapter.apps.field.run_predict import FieldRequest, predict_field
from metaadapter.errors import UsageError
from metaadapter.workflow.predictions import UNKNOWN

if TYPE_CHECKING:
    from metaadapter.apps.cli.field_options import ExportPlace
    from metaadapter.apps.field.frame_predictions import FieldOptions
    from metaadapter.features.encoding_loop import Progress
    from metaadapter.workflow.prediction_request import PredictionRequest
    from metaadapter.workflow.prediction_rows import RowFormat
    from metaadapter.workflow.prediction_table import PredictionTable
    from metaadapter.workflow.run_predict import Predicted


class FieldRun:
    """One run of the command for camera traps."""

    def __init__(
        self,
        request: PredictionRequest,
        folders: Sequence[Path],
        options: FieldOptions,
        burst: float | None,
        exports: Sequence[ExportPlace],
    ) -> None:
        self._files = FieldFiles(
            exports,
            classifier=f"metaadapter {request.adapter.name}",
            labels=_labels(request.classes, options),
        )
        if "false-triggers" in self._files.formats and options.detections is None:
            raise UsageError("--export false-triggers needs the boxes of --detections; add it")
        if request.queries.stored:
            require_pictures(options, burst, self._files)
        self._request = FieldRequest(
            request,
            options,
            folders=folders,
            burst=burst,
            needs_times=self._files.needs_times or burst is not None,
        )
        self._frames: list[Frame] = []

    @property
    def digest_facts(self) -> tuple[object, ...]:
        """Options that predictions depend on."""
        return self._request.burst, self._request.options.identity

    @property
    def things(self) -> str:
        """The kind of the parts to predict: boxes, or whole pictures."""
        return "pictures" if self._request.options.detections is None else "boxes"

    def rows(self, rows: RowFormat) -> RowFormat:
        """The format of the table, with the columns of frames."""
        boxes = self._request.options.detections is not None
        return replace(rows, boxes=boxes, times=self._request.needs_times)

    def predict(
        self, table: PredictionTable | None, progress: Callable[[Progress], None]
    ) -> Predicted:
        """Predict for the frames; see `predict_field`."""
        predicted, self._frames = predict_field(self._request, table=table, progress=progress)
        return predicted

    def write(self, predicted: Predicted) -> tuple[list[str], list[str]]:
        """Write the files for other programs; see `FieldFiles.write`."""
        return self._files.write(predicted, self._request, self._frames)


def _labels(classes: Sequence[str], options: FieldOptions) -> list[str]:
    """All possible answers for boxes of animals."""
    fauna, tree = options.fauna, options.species.tree
    parents = () if tree is None else sorted(tree.inner)
    others = () if fauna is None else (*fauna.others, *fauna.higher)
    return [*dict.fromkeys((*classes, *parents, *others, UNKNOWN))]
