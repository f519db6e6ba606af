"""Options for camera traps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from metaadapter.apps.cli.command_guard import ExportPlace, Output
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.apps.cli.predict_field import FieldRun
    from metaadapter.workflow.labelled_pictures import Cut
    from metaadapter.workflow.prediction.run_predict import PredictionRequest

EXPORT_FORMATS = (
    *("megadetector", "timelapse", "camtrap-dp", "coco", "yolo", "voc", "cvat", "label-studio"),
)

DetectionsFile = Annotated[
    Path | None,
    Option(
        "--detections", metavar="BOXES", help="Boxes in these pictures, each predicted by itself."
    ),
]
LabelledDetections = Annotated[
    Path | None,
    Option(
        "--detections",
        metavar="BOXES",
        help="Boxes in the labelled pictures; the surest replaces the picture.",
    ),
]
PicturesOfBoxes = Annotated[
    Path | None,
    Option(
        "--pictures", metavar="FOLDER", help="Folder of the pictures that a file of boxes names."
    ),
]
MinConfidence = Annotated[
    float,
    Option(min=0, max=1, metavar="FRACTION", help="Ignore boxes of lower confidence."),
]
Burst = Annotated[
    float | None,
    Option(
        metavar="SECONDS", min=0, help="One answer for an animal in frames at most this far apart."
    ),
]
Allowed = Annotated[
    str | None,
    Option(metavar="LIST", help="Answer only with these classes: names, or a text file."),
]


def read_export(text: str) -> ExportPlace:
    """Read a value of `--export`."""
    kind, colon, place = text.partition(":")
    if not colon or not place or kind not in EXPORT_FORMATS:
        raise UsageError(f"expected FORMAT:PLACE, FORMAT {' or '.join(EXPORT_FORMATS)}, got {text}")
    return ExportPlace(kind, Path(place))


Export = Annotated[
    list[ExportPlace] | None,
    Option(
        metavar="FORMAT:PLACE",
        parser=read_export,
        help="Also for another program: megadetector, timelapse, camtrap-dp, coco, yolo, voc, "
        "cvat or label-studio. Repeatable.",
    ),
    Output(),
]


def read_cut(
    support: Path | None, pool: Path | None, files: Sequence[Path], min_confidence: float
) -> Cut:
    """Return the functions that cut boxes out of labelled pictures, near `support`, and a pool.

    The first file has the boxes of the labelled pictures, and the last one those of the pool.
    """
    from metaadapter.workflow.labelled_pictures import Cut

    if not files:
        return Cut()
    from metaadapter.apps.field.detections import pool_boxes, read_detections, surest_boxes

    if len(files) > 2 or (len(files) == 2 and pool is None):
        raise UsageError(
            "--detections names the boxes of the labelled pictures, then those of --unlabelled, "
            f"got {len(files)} files{'' if pool else ' without --unlabelled'}"
        )
    labelled = unlabelled = None
    if support is not None:
        boxes = read_detections(files[0])
        labelled = partial(
            surest_boxes,
            detections=boxes,
            min_confidence=min_confidence,
            source=support,
        )
    if pool is not None:
        boxes = read_detections(files[-1])
        if labelled is not None and len(files) == 1:  # its warnings come with the labelled pictures
            boxes = replace(boxes, warnings=())
        unlabelled = partial(
            pool_boxes, detections=boxes, min_confidence=min_confidence, source=pool
        )
    return Cut(labelled, unlabelled)


def of_boxes(
    pictures: Path | None, detections: Path | None, sources: Sequence[Path]
) -> Path | None:
    """Return --pictures for the sources of pictures; `None` if it is about --detections alone."""
    from metaadapter.data.boxes.formats import recognized

    if pictures is None or detections is None:
        return pictures
    have_boxes = any(map(recognized, sources))
    return pictures if have_boxes else None


def other_labels() -> tuple[str, ...]:
    """Return the labels that a detector adds to the classes: only the label of empty frames."""
    from metaadapter.apps.field.species import EMPTY

    return (EMPTY,)


def field_run(
    request: PredictionRequest,
    sources: Sequence[Path],
    detections: Path | None,
    min_confidence: float,
    burst: float | None,
    allowed: str | None,
    exports: Sequence[ExportPlace],
) -> FieldRun | None:
    """Return the run of `predict` for camera traps; `None` without an option for these.

    `sources` are the pictures as they were given, with the folder of the pictures of boxes.
    """
    values: dict[str, object]
    values = {"--detections": detections, "--burst": burst, "--allowed": allowed}
    values |= {"--export": exports}
    given = [name for name, value in values.items() if value not in (None, [])]
    if not given:
        return None
    if request.stored.config.several is not None:
        raise UsageError(
            f"{given[0]} is for adapters of one label, and {request.adapter} gives several; leave "
            "it out"
        )
    from metaadapter.apps.cli.predict_field import FieldRun
    from metaadapter.apps.field.detections import folders_of, read_detections
    from metaadapter.apps.field.fauna import Fauna
    from metaadapter.apps.field.frame_predictions import FieldOptions
    from metaadapter.apps.field.species import read_allowed

    rows, classes = request.queries.rows, request.classes
    folders = folders_of(sources, rows) if rows else []
    boxes = fauna = classes_there = None
    warnings: tuple[str, ...] = ()
    if detections is not None:
        boxes = read_detections(detections).matched([row.path for row in rows], folders)
        fauna = Fauna.of(boxes, classes, request.stored.config.tree)
        warnings = (*boxes.warnings, *(fauna.warnings if fauna else ()))
    if allowed is not None:
        there = read_allowed(allowed, classes, fauna.others if fauna else ())
        classes_there, fauna = there.classes, fauna and fauna.among(there.names)
    facts = (boxes, min_confidence, classes_there, fauna, warnings, folders, burst)
    return FieldRun(request, FieldOptions(*facts), exports)
