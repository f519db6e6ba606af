"""Answers as MegaDetector's JSON, format 1.6, which Timelapse and AddaxAI read.

https://lila.science/megadetector-output-format says what stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from metaadapter.apps.field.answered_frames import by_frame, relative_name
from metaadapter.apps.field.detections import ANIMAL, Detections, FrameDetections
from metaadapter.apps.field.species import is_nothing
from metaadapter.data.atomic_files import replace_file
from metaadapter.data.crop import Box
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.strict_json import json_text
from metaadapter.workflow.predictions import Prediction

FORMAT_VERSION = "1.6"
WHOLE_FRAME = Box(0.0, 0.0, 1.0, 1.0)
# More of them nobody reads, and with hundreds of classes the file would be tens of times as large.
MOST_LISTED = 5
TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class MegaDetectorFile:
    """What the file says beside the answers.

    Attributes:
        classifier: The name of the adapter.
        labels: All that may be answered, in the order of their numbers in the file.
        folder: Where the names of frames begin.
        detections: What the detector said; without it a frame in which something is seen has one
            box around all of it.
        folders: Where the names in the detector's file may begin.
    """

    classifier: str
    labels: Sequence[str]
    folder: Path
    detections: Detections | None = None
    folders: Sequence[Path] = ()

    def write(
        self, file: Path, predictions: Iterable[Prediction], unreadable: Iterable[UnreadableImage]
    ) -> None:
        """Write the file in one step; frames are taken one by one.

        The detector's boxes stand in it as they were, those of low confidence too, and what a
        classifier before said of them does not.
        """
        replace_file(file, lambda opened: self._write(opened, predictions, unreadable))

    def _write(
        self,
        opened: IO[bytes],
        predictions: Iterable[Prediction],
        unreadable: Iterable[UnreadableImage],
    ) -> None:
        head = {
            "info": self._info(),
            "detection_categories": self._categories(),
            "classification_categories": {str(n): label for n, label in enumerate(self.labels)},
        }
        opened.write(f"{json_text(head, indent=1)[:-2]},\n".encode())
        opened.write(b' "images": [')
        for number, image in enumerate(self._images(predictions, unreadable)):
            opened.write(f"{',' * (number > 0)}\n  {json_text(image)}".encode())
        opened.write(b"\n ]\n}\n")

    def _info(self) -> dict[str, Any]:
        now = datetime.now(UTC).strftime(TIME)
        known = {} if self.detections is None else dict(self.detections.info)
        return {
            **known,
            "format_version": FORMAT_VERSION,
            "detector": known.get("detector", "unknown" if self.detections else "whole frames"),
            "classifier": self.classifier,
            "classification_completion_time": now,
        }

    def _categories(self) -> dict[str, str]:
        return {"1": ANIMAL} if self.detections is None else dict(self.detections.categories)

    def _images(
        self, predictions: Iterable[Prediction], unreadable: Iterable[UnreadableImage]
    ) -> Iterator[dict[str, Any]]:
        for path, answers in by_frame(predictions):
            boxes = self._boxes(path, answers)
            yield {"file": self._name(path), "detections": boxes}
        for each in unreadable:
            name = self._name(Path(each.path))
            yield {"file": name, "failure": each.reason, "detections": None}

    def _said(self, path: Path) -> FrameDetections | None:
        return None if self.detections is None else self.detections.of(path, self.folders)

    def _name(self, path: Path) -> str:
        said = self._said(path)
        return said.file if said else relative_name(path, self.folder)

    def _boxes(self, path: Path, answers: Sequence[Prediction]) -> list[dict[str, Any]]:
        said = self._said(path)
        if said is None:
            return [self._whole(each) for each in answers if not is_nothing(each.label)]
        ids = {name: number for number, name in self._categories().items()}
        own = {each.box: each for each in answers if each.probabilities}
        return [
            {
                "category": ids.get(each.category, each.category),
                "conf": float(each.confidence),
                "bbox": [*each.box],
                **({"classifications": self._classified(own[each.box])} if each.box in own else {}),
            }
            for each in said.found
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
        """Label numbers and probabilities, the answer first and those of the classes after it."""
        shares = {**answer.probabilities, answer.label: answer.probability}
        numbers = {label: str(number) for number, label in enumerate(self.labels)}
        best = sorted(shares, key=lambda label: (-shares[label], label != answer.label))
        return [[numbers[label], round(shares[label], 5)] for label in best[:MOST_LISTED]]
