"""The part of `metaadapter predict` for camera traps, with the files for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from metaadapter.apps.field.frame_predictions import predict_field
from metaadapter.errors import DataError, UsageError
from metaadapter.workflow.prediction.predictions import UNKNOWN

if TYPE_CHECKING:
    from metaadapter.apps.cli.command_guard import ExportPlace
    from metaadapter.apps.field.frame_predictions import FieldOptions
    from metaadapter.workflow.prediction.prediction_rows import RowFormat
    from metaadapter.workflow.prediction.prediction_table import PredictionTable
    from metaadapter.workflow.prediction.run_predict import Predicted, PredictionRequest

# The beginnings of the files that an earlier run has written.
OF_TRAPS = {
    "megadetector": rb'\A.{0,65536}"classifier": "metaadapter ',
    "timelapse": rb"\AFile,RelativePath,DateTime,DeleteFlag,Species,Count,Probability,Counts\r",
}
OF_TIMES = {"timelapse", "camtrap-dp"}


class FieldRun:
    """One run of the command for camera traps, which also writes files for other programs.

    Raises:
        UsageError: The options do not go together.
        DataError: A file cannot be written to its place.
    """

    def __init__(
        self,
        request: PredictionRequest,
        options: FieldOptions,
        exports: Sequence[ExportPlace],
    ) -> None:
        self._exports, self._classifier = exports, f"metaadapter {request.adapter.name}"
        for kind, path in exports:
            self._require_writable(kind, path)
        formats = {place.format for place in exports}
        if request.queries.stored:
            raise UsageError(
                "--detections, --burst, --allowed and --export need pictures, and cannot be used "
                "with feature stores"
            )
        needs_times = bool(formats & OF_TIMES) or options.burst is not None
        self._request, self._options = request, replace(options, needs_times=needs_times)

    @property
    def digest_facts(self) -> tuple[object, ...]:
        """Options that predictions depend on."""
        return self._options.identity

    def rows(self, rows: RowFormat) -> RowFormat:
        """The format of the table, with the columns of frames."""
        boxes = self._options.detections is not None
        return replace(rows, boxes=boxes, times=self._options.needs_times)

    def predict(self, table: PredictionTable | None) -> Predicted:
        """Predict for the frames; see `predict_field`."""
        return predict_field(self._request, self._options, table=table)

    def write(self, predicted: Predicted) -> tuple[list[str], list[str]]:
        """Write the files; return sentences that name them, and sentences on what they lack."""
        if not self._exports:
            return [], []
        from metaadapter.apps.field.frames import common_folder
        from metaadapter.files.output_folder import write_errors

        folder = common_folder(self._request.queries.rows)
        written, missing = list[str](), list[str]()
        for kind, path in self._exports:
            with write_errors(str(path), instead="choose another place in --export"):
                line, lacks = self._write(kind, path, predicted, folder)
                written.append(line)
                missing += lacks
        return written, missing

    def _write(
        self, kind: str, path: Path, predicted: Predicted, folder: Path
    ) -> tuple[str, Sequence[str]]:
        """Write a file whose paths are relative to `folder`."""
        options, predictions = self._options, predicted.predictions
        labels = _labels(self._request.classes, options)
        if kind == "megadetector":
            from metaadapter.apps.field.megadetector_file import MegaDetectorFile

            detected = (folder, options.detections, options.folders)
            writer = MegaDetectorFile(self._classifier, labels, *detected)
            writer.write(path, predictions(), predicted.tally.unreadable)
            return f"wrote the answers as MegaDetector JSON to {path}", ()
        if kind == "timelapse":
            from metaadapter.apps.field.megadetector_file import write_timelapse

            write_timelapse(path, predictions(), folder)
            return f"wrote a table for Timelapse to {path}; its root folder is {folder}", ()
        if kind == "camtrap-dp":
            from metaadapter.apps.field.camtrap_package import CamtrapPackage

            info = {} if options.detections is None else options.detections.info
            detector = str(info.get("detector", "detector"))
            names = options.fauna.scientific_names if options.fauna else {}
            package = CamtrapPackage(path, self._classifier, folder, detector, names)
            lacks = package.write(predictions)
            line = f"wrote a Camera Trap Data Package to {path}; its paths are relative to {folder}"
            return line, lacks
        from metaadapter.apps.field.megadetector_file import answers_in_boxes
        from metaadapter.data.boxes.formats import write_boxes

        rows = self._request.queries.rows
        write_boxes(
            answers_in_boxes(predictions(), labels, rows, folder, self._classifier), kind, path
        )
        line = (
            f"wrote the answers in the format {kind} to {path}; the names of its pictures are "
            f"relative to {folder}"
        )
        images = path.absolute() / "images"
        if kind == "yolo" and not images.exists():
            line += f"; link them: ln -s {quote(str(folder))} {quote(str(images))}"
        return line, ()

    def _require_writable(self, kind: str, path: Path) -> None:
        """Raise an error if there is no place, or something that no earlier export has written."""
        from metaadapter.apps.cli.command_guard import require_replaceable
        from metaadapter.data.boxes.formats import FORMATS
        from metaadapter.data.boxes.written_files import require_place
        from metaadapter.files.output_folder import is_stream

        if kind in ("yolo", "voc"):
            if path.exists() and not path.is_dir():
                raise UsageError(f"--export {path} is a file; {kind} is a folder of files")
            require_place(path)
        elif kind != "camtrap-dp" and not is_stream(path):
            require_replaceable("--export", path, OF_TRAPS.get(kind) or FORMATS[kind].written)
        if kind == "camtrap-dp":
            from metaadapter.apps.field.camtrap_package import CamtrapPackage

            CamtrapPackage(path, self._classifier, Path()).require_readable()
        elif not path.absolute().parent.is_dir():
            raise DataError(f"there is no folder {path.absolute().parent} to write {path.name}")


def _labels(classes: Sequence[str], options: FieldOptions) -> list[str]:
    """All possible answers for boxes of animals."""
    fauna = options.fauna
    others = () if fauna is None else fauna.others
    return [*dict.fromkeys((*classes, *others, UNKNOWN))]
