"""Options for camera traps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from metaadapter.apps.cli.outputs import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaadapter.apps.field.frame_predictions import FieldOptions
    from metaadapter.data.table import ImageTable

DetectionsFile = Annotated[
    Path | None,
    Option(
        "--detections",
        metavar="FILE.json",
        help="Detections of MegaDetector (format 1.0 to 1.6) or SpeciesNet for these pictures: "
        "each box of an animal gets its own prediction.",
    ),
]
LabelledDetections = Annotated[
    Path | None,
    Option(
        "--detections",
        metavar="FILE.json",
        help="Detections of MegaDetector (format 1.0 to 1.6) or SpeciesNet for the labelled "
        "pictures: the most confident box of an animal replaces each picture.",
    ),
]
MinConfidence = Annotated[float, Option(min=0, max=1, help="Ignore boxes of lower confidence.")]
Burst = Annotated[
    float | None,
    Option(
        metavar="SECONDS",
        min=0,
        help="Give one answer for a series: frames of one camera (one folder), each taken at most "
        "this many seconds after the previous frame.",
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
FalseTriggers = Annotated[
    Path | None,
    Option(
        metavar="FILE.csv",
        help="Also list boxes that recur at the same place of one camera, such as a branch: check "
        "the list, then use it with adapt --background. Needs --detections.",
    ),
    Output(rb"\Apath,box_left,box_top,box_width,box_height,camera,thing,"),
]


def read_cut(
    detections: Path | None, min_confidence: float, support: Path | None
) -> Callable[[ImageTable], ImageTable] | None:
    """Return a function that crops labelled pictures to boxes; None without detections."""
    if detections is None or support is None:
        return None
    from metaadapter.apps.field.detections import read_detections, surest_boxes

    boxes = read_detections(detections)
    return lambda table: surest_boxes(table, boxes, min_confidence, support)


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
) -> FieldOptions:
    """Read the options of a command; errors are those of their readers."""
    from metaadapter.apps.field.allowed_species import read_allowed
    from metaadapter.apps.field.detections import read_detections
    from metaadapter.apps.field.frame_predictions import FieldOptions
    from metaadapter.apps.field.species import Species, read_parents

    boxes = None if detections is None else read_detections(detections)
    occurring = None if allowed is None else read_allowed(allowed, classes)
    species = Species(occurring and occurring.classes, read_parents(parents or (), classes))
    warnings = (*(boxes.warnings if boxes else ()), *(occurring.warnings if occurring else ()))
    return FieldOptions(boxes, min_confidence, species, warnings)
