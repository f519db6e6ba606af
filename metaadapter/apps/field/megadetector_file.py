"""Predictions as files of other programs: MegaDetector JSON, Timelapse, boxes with labels.

Timelapse and AddaxAI read MegaDetector JSON, format 1.6
(https://lila.science/megadetector-output-format). The table for Timelapse
(https://timelapse.ucalgary.ca) has one row per frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from typing import IO, Any

from metaadapter.apps.field.detections import Detections
from metaadapter.apps.field.frames import by_frame, relative_name, shown_in, sureness
from metaadapter.apps.field.species import is_nothing, is_species
from metaadapter.data.boxes.frame_detections import ANIMAL, WHOLE, Detection, FrameDetections
from metaadapter.data.boxes.listing import Listing
from metaadapter.data.decode import upright_size
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.packed import Packed
from metaadapter.data.table import ImageRow
from metaadapter.files.output_folder import write_output
from metaadapter.files.strict_json import json_text
from metaadapter.files.table_file import Row, write_table
from metaadapter.files.url import as_place
from metaadapter.workflow.prediction.predictions import NONE_OF_THESE, UNKNOWN, Prediction

FORMAT_VERSION = "1.6"
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
            "detection_categories": self._categories,
            "classification_categories": {str(n): label for n, label in enumerate(self.labels)},
        }

        def write(opened: IO[bytes]) -> None:
            opened.write(f"{json_text(head, indent=1)[:-2]},\n".encode())
            opened.write(b' "images": [')
            for number, image in enumerate(self._images(predictions, unreadable)):
                opened.write(f"{',' * (number > 0)}\n  {json_text(image)}".encode())
            opened.write(b"\n ]\n}\n")

        write_output(file, write)

    @property
    def _categories(self) -> dict[str, str]:
        return {"1": ANIMAL} if self.detections is None else dict(self.detections.categories)

    def _info(self) -> dict[str, Any]:
        info = {} if self.detections is None else dict(self.detections.info)
        return {
            **info,
            "format_version": FORMAT_VERSION,
            "detector": info.get("detector", "unknown" if self.detections else "whole frames"),
            "classifier": self.classifier,
            "classification_completion_time": datetime.now(UTC).strftime(TIME),
        }

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
        ids = {name: number for number, name in self._categories.items()}
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
            "bbox": [*(answer.box or WHOLE)],
            "classifications": self._classified(answer),
        }

    def _classified(self, answer: Prediction) -> list[list[object]]:
        shares = {**answer.probabilities, answer.label: answer.probability}
        numbers = {label: str(number) for number, label in enumerate(self.labels)}
        best = sorted(shares, key=lambda label: (-shares[label], label != answer.label))
        return [[numbers[label], round(shares[label], 5)] for label in best[:MOST_LISTED]]


def answers_in_boxes(
    predictions: Iterable[Prediction],
    labels: Sequence[str],
    rows: Sequence[ImageRow],
    folder: Path,
    classifier: str,
) -> Listing:
    """Return one box for each prediction that shows something, with its probability.

    The box of a whole picture is `WHOLE`. `labels` come first among the categories, in this order.
    `rows` are the predicted pictures; their names are relative to `folder`.
    """
    files = {row.path: row.file for row in rows}
    frames = list[FrameDetections]()
    for path, of_frame in by_frame(predictions):
        boxes = tuple(
            Detection(answer.label, answer.probability, answer.box or WHOLE)
            for answer in of_frame
            if not is_nothing(answer.label)
        )
        frames.append(
            FrameDetections(relative_name(path, folder), boxes, size=_size(files.get(path, path)))
        )
    used = dict.fromkeys(box.category for frame in frames for box in frame.detections)
    possible = [label for label in labels if label != UNKNOWN and not is_nothing(label)]
    names = dict.fromkeys((*possible, *used))
    categories = {str(number): name for number, name in enumerate(names, start=1)}
    return Listing("metaadapter", categories, frames, {"description": classifier})


def _size(file: Path | Packed) -> tuple[int, int] | None:
    try:
        return upright_size(file)
    except UnreadableImage:  # removed since it was predicted
        return None


# The first four are built into Timelapse; its template must have fields with the other names.
COLUMNS = (
    *("File", "RelativePath", "DateTime", "DeleteFlag"),
    *("Species", "Count", "Probability", "Counts"),
)


def write_timelapse(file: Path, predictions: Iterable[Prediction], folder: Path) -> None:
    """Write the table; `folder` is the root of the image set, where Timelapse has its template."""
    write_table(file, COLUMNS, _rows(predictions, folder))


def _rows(predictions: Iterable[Prediction], folder: Path) -> Iterator[Row]:
    for path, of_frame in by_frame(predictions):
        name = PureWindowsPath(relative_name(path, folder))
        time = of_frame[0].time and datetime.fromisoformat(of_frame[0].time).strftime(TIME)
        relative_path = "" if str(name.parent) == "." else str(name.parent)
        yield name.name, relative_path, time or "", "false", *_answer(of_frame)


def _answer(of_frame: Sequence[Prediction]) -> tuple[str, int, str, str]:
    """The label of the surest animal, its number of boxes, its probability, and all numbers.

    The labels of other species, people and vehicles follow, with commas between them as in a field
    of Timelapse for multiple choices. A frame has one row, because Timelapse takes only the first
    row of a frame that its user has not duplicated.
    """
    shown = sorted(
        shown_in(of_frame),
        key=lambda answer: (is_species(answer.label), sureness(answer)),
        reverse=True,
    )
    best, counts = shown[0], Counter(answer.label for answer in shown)
    labels = [
        label for label in counts if label == best.label or label not in (NONE_OF_THESE, UNKNOWN)
    ]
    if is_nothing(best.label):
        counts = Counter()
    listed = ", ".join(f"{label} {counts[label]}" for label in labels if counts)
    return ",".join(labels), counts[best.label], f"{best.probability:.4f}", listed
