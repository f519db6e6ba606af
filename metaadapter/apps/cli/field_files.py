"""The files for other programs that `metaadapter predict` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from metaadapter.errors import DataError, UsageError

if TYPE_CHECKING:
    from metaadapter.apps.cli.field_options import ExportPlace
    from metaadapter.apps.field.frame_predictions import FieldOptions
    from metaadapter.apps.field.frames import Frame
    from metaadapter.apps.field.run_predict import FieldRequest
    from metaadapter.workflow.run_predict import Predicted

# The beginnings of the files that an earlier run has written.
OF_TRAPS = {
    "megadetector": rb'\A.{0,65536}"classifier": "metaadapter ',
    "timelapse": rb"\AFile,RelativePath,DateTime,DeleteFlag,Species,Count,Probability\r",
    "false-triggers": rb"\Apath,box_left,box_top,box_width,box_height,camera,thing,",
}


@dataclass(frozen=True, slots=True)
class FieldFiles:
    """The requested files; raises a `DataError` if a file cannot be written to its place."""

    places: Sequence[ExportPlace]
    """The format and place of each file or folder, in the order of writing."""
    classifier: str
    labels: Sequence[str]
    """All possible answers."""

    def __post_init__(self) -> None:
        for name, path in self.places:
            _require_place(path, name)
            if name == "camtrap-dp":
                from metaadapter.apps.field.camtrap_package import CamtrapPackage

                CamtrapPackage(path, self.classifier, Path()).require_readable()
            elif not path.absolute().parent.is_dir():
                raise DataError(f"there is no folder {path.absolute().parent} to write {path.name}")

    @property
    def needs_times(self) -> bool:
        """True if a file contains the times of frames."""
        return bool(self.formats & {"timelapse", "camtrap-dp"})

    @property
    def formats(self) -> set[str]:
        """The formats that are asked for."""
        return {place.format for place in self.places}

    def write(
        self, predicted: Predicted, field_request: FieldRequest, frames: Sequence[Frame]
    ) -> tuple[list[str], list[str]]:
        """Write the files; return sentences that name them, and sentences on what they lack."""
        if not self.places:
            return [], []
        from metaadapter.apps.field.camtrap_package import CamtrapPackage
        from metaadapter.apps.field.false_triggers import false_triggers, write_false_triggers
        from metaadapter.apps.field.frames import common_folder
        from metaadapter.apps.field.megadetector_file import MegaDetectorFile
        from metaadapter.apps.field.timelapse_file import write_timelapse
        from metaadapter.data.output_folder import write_errors

        options, predictions = field_request.options, predicted.predictions
        folder = common_folder(field_request.request.queries.rows)
        written, missing = list[str](), list[str]()
        for name, path in self.places:
            with write_errors(str(path), instead="choose another place in --export"):
                if name == "megadetector":
                    detected = (folder, options.detections, field_request.folders)
                    writer = MegaDetectorFile(self.classifier, self.labels, *detected)
                    writer.write(path, predictions(), predicted.tally.unreadable)
                    line = f"wrote the answers as MegaDetector JSON to {path}"
                elif name == "timelapse":
                    write_timelapse(path, predictions(), folder)
                    line = f"wrote a table for Timelapse to {path}; its root folder is {folder}"
                elif name == "camtrap-dp":
                    info = {} if options.detections is None else options.detections.info
                    package = CamtrapPackage(
                        path,
                        self.classifier,
                        folder,
                        str(info.get("detector", "detector")),
                        options.fauna.scientific_names if options.fauna else {},
                    )
                    missing += package.write(predictions)
                    line = (
                        f"wrote a Camera Trap Data Package to {path}; its paths are relative to "
                        f"{folder}"
                    )
                elif name == "false-triggers":
                    triggers = false_triggers(frames, options.min_confidence)
                    write_false_triggers(path, triggers)
                    n_things = len({(trigger.camera, trigger.thing) for trigger in triggers})
                    line = (
                        f"{n_things} static objects have {len(triggers)} boxes, listed in {path}; "
                        "check them, then: metaadapter adapt … --background"
                        if triggers
                        else f"no box recurs often enough to be a static object; {path} has no rows"
                    )
                else:
                    line = self._boxes(name, path, predicted, field_request, folder)
                written.append(line)
        return written, missing

    def _boxes(
        self,
        kind: str,
        path: Path,
        predicted: Predicted,
        field_request: FieldRequest,
        folder: Path,
    ) -> str:
        from metaadapter.apps.field.answers_in_boxes import answers_in_boxes
        from metaadapter.data.boxes.formats import write_boxes

        rows = field_request.request.queries.rows
        facts = (self.labels, rows, folder, self.classifier)
        listing = answers_in_boxes(predicted.predictions(), *facts)
        write_boxes(listing, kind, path)
        line = (
            f"wrote the answers in the format {kind} to {path}; the names of its "
            f"pictures are relative to {folder}"
        )
        images = path.absolute() / "images"
        if kind == "yolo" and not images.exists():
            line += f"; link them: ln -s {quote(str(folder))} {quote(str(images))}"
        return line


def _require_place(path: Path, kind: str) -> None:
    """Raise an error if an export would replace something that no earlier one has written."""
    from metaadapter.apps.cli.outputs import Place, require_replaceable
    from metaadapter.data.boxes.formats import WRITTEN
    from metaadapter.data.boxes.written_files import require_place
    from metaadapter.data.output_file import is_stream

    if kind in ("yolo", "voc"):
        if path.exists() and not path.is_dir():
            raise UsageError(f"--export {path} is a file; {kind} is a folder of files")
        require_place(path)
    elif kind != "camtrap-dp" and not is_stream(path):
        require_replaceable(Place("--export", path), {**WRITTEN, **OF_TRAPS}[kind])


def require_pictures(options: FieldOptions, burst: float | None, files: FieldFiles) -> None:
    """Raise a `UsageError` if an option needs pictures, and only features are given."""
    if options.detections is not None or burst is not None or files.places:
        raise UsageError(
            "--detections, --burst and --export need pictures, and cannot be used with feature "
            "stores"
        )
