"""Options for camera traps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Option

from metaadapter.apps.cli.outputs import Output

if TYPE_CHECKING:
    from metaadapter.apps.field.frame_predictions import FieldOptions
    from metaadapter.data.table import ImageTable
    from metaadapter.workflow.labelled_pictures import Cut

DetectionsFile = Annotated[
    Path | None,
    Option(
        "--detections",
        metavar="BOXES",
        help="Boxes in these pictures, by MegaDetector (format 1.0 to 1.6, or Microsoft's list), "
        "SpeciesNet or another detector (COCO, YOLO, Pascal VOC, CVAT, Label Studio): each box, of "
        "MegaDetector each of an animal, gets its own prediction. Species that "
        "SpeciesNet names are evidence, and may be the answer where they are no classes.",
    ),
]
LabelledDetections = Annotated[
    Path | None,
    Option(
        "--detections",
        metavar="BOXES",
        help="Boxes in the labelled pictures, by MegaDetector, SpeciesNet or another detector "
        "(COCO, YOLO, Pascal VOC, CVAT, Label Studio): the most confident box, of MegaDetector the "
        "one of an animal, replaces each picture. All such boxes replace those of --unlabelled.",
    ),
]
UnlabelledDetections = Annotated[
    Path | None,
    Option(
        metavar="BOXES",
        help="Boxes in the pictures of --unlabelled, if --detections does not list them.",
    ),
]
PicturesOfBoxes = Annotated[
    Path | None,
    Option(
        "--pictures",
        metavar="FOLDER",
        help="Folder of the pictures that a file of boxes is about, if it is not near that file.",
    ),
]
MinConfidence = Annotated[float, Option(min=0, max=1, help="Ignore boxes of lower confidence.")]
Burst = Annotated[
    float | None,
    Option(
        metavar="SECONDS",
        min=0,
        help="Give one answer for each animal in a series: frames of one camera (one folder), each "
        "taken at most this many seconds after the previous frame. Boxes that continue one another "
        "are one animal; without a detector the whole series is.",
    ),
]
Allowed = Annotated[
    str | None,
    Option(
        metavar="LIST",
        help="Answer only with these classes, which occur where the pictures were taken: names "
        "separated by commas, or a text file with one name on each line, which may name more "
        "species than the adapter knows. People, vehicles and empty frames stay.",
    ),
]
Parents = Annotated[
    list[str] | None,
    Option(
        metavar="CLASSES=PARENT",
        help="Answer with PARENT if these classes cannot be told apart, as in fox,dog=canine. "
        "Repeatable.",
    ),
]
MegaDetector = Annotated[
    Path | None,
    Option(
        "--megadetector",
        metavar="FILE.json",
        help="Also write the answers as MegaDetector JSON (format 1.6).",
    ),
    Output(rb'\A.{0,65536}"classifier": "metaadapter '),
]
Timelapse = Annotated[
    Path | None,
    Option(metavar="FILE.csv", help="Also write a table for Timelapse, one row per frame."),
    Output(rb"\AFile,RelativePath,DateTime,DeleteFlag,Species,Count,Probability\r"),
]
CamtrapDp = Annotated[
    Path | None,
    Option(
        "--camtrap-dp",
        metavar="FOLDER",
        help="Also write a Camera Trap Data Package (Camtrap DP 1.0.2). Entries that you made in "
        "an existing datapackage.json or deployments.csv remain.",
    ),
    Output(),
]
Export = Annotated[
    Path | None,
    Option(
        "--export",
        metavar="PLACE",
        help="Also write the answers for other programs, a label for each box, as the file or "
        "folder that --format says.",
    ),
    Output(),
]
ExportFormat = Annotated[
    Literal["coco", "yolo", "voc", "cvat", "label-studio"],
    Option(
        "--format",
        help="Format of --export: COCO (JSON), YOLO (a folder), Pascal VOC (a folder), CVAT (XML "
        "1.1 for images) or predictions for Label Studio (JSON).",
    ),
]
FalseTriggers = Annotated[
    Path | None,
    Option(
        metavar="FILE.csv",
        help="Also list boxes that recur at the same place of one camera, such as a branch: check "
        "the list, then use it with adapt --background. Needs --detections.",
    ),
    Output(rb"\Apath,box_left,box_top,box_width,box_height,camera,thing,"),
]


def read_cut(given: Mapping[str, Any], min_confidence: float) -> Cut:
    """Return the functions that cut boxes out of labelled and unlabelled pictures.

    `given` maps the options of `adapt` to their values.
    """
    from metaadapter.apps.field.detections import read_detections, surest_boxes
    from metaadapter.apps.field.pool_boxes import pool_boxes
    from metaadapter.workflow.labelled_pictures import Cut

    support, pool = given.get("SUPPORT"), given.get("--unlabelled")
    file = given.get("--detections")
    of_pool = given.get("--unlabelled-detections", file)
    labelled = unlabelled = None
    if file is not None and support is not None:
        boxes = read_detections(file)
        labelled = partial(
            surest_boxes,
            detections=boxes,
            min_confidence=min_confidence,
            source=given.get("--pictures", support),
        )
    if of_pool is not None and pool is not None:
        boxes = read_detections(of_pool)
        if labelled is not None and of_pool == file:  # its warnings come with the labelled pictures
            boxes = replace(boxes, warnings=())
        unlabelled = partial(
            pool_boxes, detections=boxes, min_confidence=min_confidence, source=pool
        )
    return Cut(labelled, unlabelled)


def of_boxes(
    pictures: Path | None, detections: Path | None, sources: Sequence[Path]
) -> Path | None:
    """Return --pictures for the sources of pictures; `None` if it is about --detections alone."""
    from metaadapter.data.boxes.formats import may_have_boxes, recognized

    if pictures is None or detections is None:
        return pictures
    have_boxes = any(may_have_boxes(source) and recognized(source) for source in sources)
    return pictures if have_boxes else None


def cut_labelled(
    table: ImageTable, source: Path, detections: Path | None, min_confidence: float
) -> ImageTable:
    """Return labelled pictures of `source`, each cut to its most confident box, if there is one."""
    if detections is None:
        return table
    from metaadapter.apps.field.detections import read_detections, surest_boxes

    return surest_boxes(table, read_detections(detections), min_confidence, source)


def other_labels() -> tuple[str, ...]:
    """Return the labels that a detector adds to the classes: only the label of empty frames."""
    from metaadapter.apps.field.species import EMPTY

    return (EMPTY,)


def read_field_options(
    detections: Path | None,
    min_confidence: float,
    allowed: str | None,
    parents: Sequence[str] | None,
    classes: Sequence[str],
    folders: Sequence[Path],
    paths: Sequence[Path],
) -> FieldOptions:
    """Read the options of a command about the pictures of folders; errors are of their readers."""
    from metaadapter.apps.field.allowed_species import read_allowed
    from metaadapter.apps.field.detections import read_detections
    from metaadapter.apps.field.fauna import Fauna
    from metaadapter.apps.field.frame_predictions import FieldOptions
    from metaadapter.apps.field.species import Species, read_parents

    boxes = None if detections is None else read_detections(detections).matched(paths, folders)
    fauna = None if boxes is None else Fauna.of(boxes, classes)
    warnings = [*(boxes.warnings if boxes else ()), *(fauna.warnings if fauna else ())]
    classes_there = None
    if allowed is not None:
        there = read_allowed(allowed, classes, fauna.others if fauna else ())
        classes_there, fauna = there.classes, fauna and fauna.among(there.names)
        warnings += there.warnings
    species = Species(classes_there, read_parents(parents or (), classes))
    return FieldOptions(boxes, min_confidence, species, fauna, tuple(warnings))
