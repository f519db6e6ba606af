"""Predictions as MegaDetector JSON, format 1.6, which Timelapse and AddaxAI read.

https://lila.science/megadetector-output-format describes the format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from metaadapter.apps.field.detections import Detections
from metaadapter.apps.field.frames import by_frame, relative_name
from metaadapter.apps.field.species import is_nothing
from metaadapter.data.boxes.frame_detections import ANIMAL, FrameDetections
from metaadapter.data.crop import Box
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.output_folder import write_output
from metaadapter.data.strict_json import json_text
from metaadapter.data.url import as_place
from metaadapter.workflow.predictions import Prediction

FORMAT_VERSION = "1.6"
WHOLE_FRAME = Box(0.0, 0.0, 1.0, 1.0)
# The file would be tens of times larger with the probabilities of hundreds of classes.
MOST_LISTED = 5
TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class MegaDetectorFile:
    """Everything that the file needs besides predictions; frame names are relative to `folder`.

    `labels[n]` has the number n in the file. Without `detections`, a frame that is not empty has
    one box around the whole frame.
    """

    classifier: str
    labels: Sequence[str]
    folder: Path
    detections: Detections | None = None
    folders: Sequence[Path] = ()

    def write(
        self, file: Path, predictions: Iterable[Prediction], unreadable: Iterable[UnreadableImage]
    ) -> None:
        """Write all boxes of the detector unchanged, with the predictions of the classifier."""
        head = {
            "info": self._info(),
            "detection_categories": self._categories(),
            "classification_categories": {str(n): label for n, label in enumerate(self.labels)},
        }

        def write(opened: IO[bytes]) -> None:
            opened.write(f"{json_text(head, indent=1)[:-2]},\n".encode())
            opened.write(b' "images": [')
            for number, image in enumerate(self._images(predictions, unreadable)):
                opened.write(f"{',' * (number > 0)}\n  {json_text(image)}".encode())
            opened.write(b"\n ]\n}\n")

        write_output(file, write)

    def _info(self) -> dict[str, Any]:
        info = {} if self.detections is None else dict(self.detections.info)
        return {
            **info,
            "format_version": FORMAT_VERSION,
            "detector": info.get("detector", "unknown" if self.detections else "whole frames"),
            "classifier": self.classifier,
            "classification_completion_time": datetime.now(UTC).strftime(TIME),
        }

    def _categories(self) -> dict[str, str]:
        return {"1": ANIMAL} if self.detections is None else dict(self.detections.categories)

    def _images(
        self, predictions: Iterable[Prediction], unreadable: Iterable[UnreadableImage]
    ) -> Iterator[dict[str, Any]]:
        for path, of_frame in by_frame(predictions):
            yield {"file": self._name(path), "detections": self._boxes(path, of_frame)}
        for picture in unreadable:
            name = self._name(as_place(picture.path))
            yield {"file": name, "failure": picture.reason, "detections": None}

    def _detected(self, path: Path) -> FrameDetections | None:
        return None if self.detections is None else self.detections.of(path, self.folders)

    def _name(self, path: Path) -> str:
        frame = self._detected(path)
        return frame.file if frame else relative_name(path, self.folder)

    def _boxes(self, path: Path, of_frame: Sequence[Prediction]) -> list[dict[str, Any]]:
        frame = self._detected(path)
        if frame is None:
            return [self._whole(answer) for answer in of_frame if not is_nothing(answer.label)]
        ids = {name: number for number, name in self._categories().items()}
        classified = {
            (answer.detected, answer.box): {"classifications": self._classified(answer)}
            for answer in of_frame
            if answer.probabilities
        }
        return [
            {
                "category": ids.get(detection.category, detection.category),
                "conf": float(detection.confidence),
                "bbox": [*detection.box],
                **classified.get((detection.category, detection.box), {}),
            }
            for detection in frame.detections
        ]

    def _whole(self, answer: Prediction) -> dict[str, Any]:
        nothing = sum(share for name, share in answer.probabilities.items() if is_nothing(name))
        return {
            "category": "1",
            "conf": float(1 - nothing),
            "bbox": [*(answer.box or WHOLE_FRAME)],
            "classifications": self._classified(answer),
        }

    def _classified(self, answer: Prediction) -> list[list[object]]:
        shares = {**answer.probabilities, answer.label: answer.probability}
        numbers = {label: str(number) for number, label in enumerate(self.labels)}
        best = sorted(shares, key=lambda label: (-shares[label], label != answer.label))
        return [[numbers[label], round(shares[label], 5)] for label in best[:MOST_LISTED]]
