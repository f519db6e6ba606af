"""The files for other programs that `metaadapter predict` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metaadapter.errors import DataError, UsageError

if TYPE_CHECKING:
    from metaadapter.apps.field.frame_predictions import FieldOptions
    from metaadapter.apps.field.frames import Frame
    from metaadapter.apps.field.predicting import FieldRequest
    from metaadapter.workflow.predicting import Predicted


class FieldFiles:
    """The requested files and their writers.

    Args:
        megadetector: The value of --megadetector.
        timelapse: The value of --timelapse.
        camtrap_dp: The value of --camtrap-dp.
        false_triggers: The value of --false-triggers.
        classifier: The name of the adapter.
        labels: All possible answers.

    Raises:
        DataError: A folder to write to does not exist, or an existing package cannot be read.
    """

    def __init__(
        self,
        megadetector: Path | None,
        timelapse: Path | None,
        camtrap_dp: Path | None,
        false_triggers: Path | None,
        *,
        classifier: str,
        labels: Sequence[str],
    ) -> None:
        self._megadetector, self._timelapse = megadetector, timelapse
        self._camtrap_dp, self._false_triggers = camtrap_dp, false_triggers
        self._classifier, self._labels = classifier, labels
        self.needs_times = timelapse is not None or camtrap_dp is not None
        for file in (megadetector, timelapse, false_triggers):
            if file is not None and not file.absolute().parent.is_dir():
                raise DataError(f"there is no folder {file.absolute().parent} to write {file.name}")
        if camtrap_dp is not None:
            from metaadapter.apps.field.camtrap_package import CamtrapPackage

            CamtrapPackage(camtrap_dp, classifier, Path()).require_readable()

    def __bool__(self) -> bool:
        files = (self._megadetector, self._timelapse, self._camtrap_dp, self._false_triggers)
        return any(file is not None for file in files)

    def write(
        self, predicted: Predicted, field_request: FieldRequest, frames: Sequence[Frame]
    ) -> tuple[list[str], list[str]]:
        """Write the requested files.

        Returns:
            Sentences that name the files, and sentences about missing information in them.
        """
        if not self:
            return [], []
        from metaadapter.apps.field.camtrap_package import CamtrapPackage
        from metaadapter.apps.field.false_triggers import false_triggers, write_false_triggers
        from metaadapter.apps.field.frame_names import common_folder
        from metaadapter.apps.field.megadetector_file import MegaDetectorFile
        from metaadapter.apps.field.timelapse_file import write_timelapse
        from metaadapter.data.output_folder import write_errors

        options, predictions = field_request.options, predicted.predictions
        folder = common_folder(field_request.request.queries.rows)
        written, missing = list[str](), list[str]()
        if (file := self._megadetector) is not None:
            writer = MegaDetectorFile(
                self._classifier, self._labels, folder, options.detections, field_request.folders
            )
            with write_errors(str(file), instead="choose another --megadetector"):
                writer.write(file, predictions(), predicted.tally.unreadable)
            written.append(f"wrote the answers as MegaDetector JSON to {file}")
        if (file := self._timelapse) is not None:
            with write_errors(str(file), instead="choose another --timelapse"):
                write_timelapse(file, predictions(), folder)
            written.append(f"wrote a table for Timelapse to {file}; its root folder is {folder}")
        if self._camtrap_dp is not None:
            package = CamtrapPackage(self._camtrap_dp, self._classifier, folder)
            with write_errors(str(self._camtrap_dp), instead="choose another --camtrap-dp"):
                missing += package.write(predictions)
            written.append(
                f"wrote a Camera Trap Data Package to {self._camtrap_dp}; its paths are relative "
                f"to {folder}"
            )
        if (file := self._false_triggers) is not None:
            triggers = false_triggers(frames, options.min_confidence)
            with write_errors(str(file), instead="choose another --false-triggers"):
                write_false_triggers(file, triggers)
            n_things = len({(trigger.camera, trigger.thing) for trigger in triggers})
            written.append(
                f"{n_things} static objects have {len(triggers)} boxes, listed in {file}; check "
                "them, then: metaadapter adapt … --background"
                if triggers
                else f"no box recurs often enough to be a static object; {file} has no rows"
            )
        return written, missing


def require_pictures(options: FieldOptions, burst: float | None, files: FieldFiles) -> None:
    """Raise a `UsageError` if an option needs pictures, and only features are given."""
    if options.detections is not None or burst is not None or files:
        raise UsageError(
            "--detections, --burst, --megadetector, --timelapse, --camtrap-dp and --false-triggers "
            "need pictures, and cannot be used with feature stores or --together"
        )
