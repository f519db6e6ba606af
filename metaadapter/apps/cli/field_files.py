"""The files for other programs that `metaadapter predict` writes at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metaadapter.errors import DataError, UsageError

if TYPE_CHECKING:
    from metaadapter.apps.field.answers import FieldOptions
    from metaadapter.apps.field.asking import Answered, Questions


class FieldFiles:
    """Which of them are asked for, and their writers.

    Args:
        megadetector: The value of that option.
        timelapse: Likewise.
        camtrap_dp: Likewise.
        false_triggers: Likewise.
        classifier: The name of the adapter.
        labels: All that may be answered.

    Raises:
        DataError: A file cannot be written to its place, or a package there cannot be read.
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
        asked = (self._megadetector, self._timelapse, self._camtrap_dp, self._false_triggers)
        return any(each is not None for each in asked)

    def write(self, answered: Answered, questions: Questions) -> tuple[list[str], list[str]]:
        """Write those that were asked for.

        Returns:
            What was written, and what is missing in it, as sentences for people.
        """
        if not self:
            return [], []
        from metaadapter.apps.field.answered_frames import common_folder
        from metaadapter.apps.field.camtrap_package import CamtrapPackage
        from metaadapter.apps.field.false_triggers import false_triggers, write_false_triggers
        from metaadapter.apps.field.megadetector_file import MegaDetectorFile
        from metaadapter.apps.field.timelapse_file import write_timelapse
        from metaadapter.data.output_folder import write_errors

        options, predictions = questions.options, answered.predictions
        folder = common_folder(questions.queries.rows)
        told, missing = list[str](), list[str]()
        if (file := self._megadetector) is not None:
            writer = MegaDetectorFile(
                self._classifier, self._labels, folder, options.detections, questions.folders
            )
            with write_errors(str(file), instead="choose another --megadetector"):
                writer.write(file, predictions(), answered.tally.unreadable)
            told.append(f"wrote the answers as MegaDetector's JSON to {file}")
        if (file := self._timelapse) is not None:
            with write_errors(str(file), instead="choose another --timelapse"):
                write_timelapse(file, predictions(), folder)
            told.append(f"wrote a table for Timelapse to {file}; its root folder is {folder}")
        if self._camtrap_dp is not None:
            package = CamtrapPackage(self._camtrap_dp, self._classifier, folder)
            with write_errors(str(self._camtrap_dp), instead="choose another --camtrap-dp"):
                missing += package.write(predictions)
            told.append(
                f"wrote a Camera Trap Data Package to {self._camtrap_dp}; the paths in it begin in "
                f"{folder}"
            )
        if (file := self._false_triggers) is not None:
            frames = (frame for part in answered.parts for frame in part)
            found = false_triggers(frames, options.min_confidence)
            with write_errors(str(file), instead="choose another --false-triggers"):
                write_false_triggers(file, found)
            n_things = len({(each.camera, each.thing) for each in found})
            told.append(
                f"{n_things} things that do not move have {len(found)} boxes, listed in {file}; "
                "look at them, then: metaadapter adapt … --background"
                if found
                else f"no box comes back often enough to be a thing that does not move; {file} has "
                "no rows"
            )
        return told, missing


def require_pictures(options: FieldOptions, burst: float | None, files: FieldFiles) -> None:
    """Raise a `UsageError` if anything is asked for that takes pictures, and not their features."""
    if options.detections is not None or burst is not None or files:
        raise UsageError(
            "--detections, --burst, --megadetector, --timelapse, --camtrap-dp and --false-triggers "
            "need pictures: neither feature stores nor --together go with them"
        )
