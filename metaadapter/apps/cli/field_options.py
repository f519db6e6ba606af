"""Options for work with camera traps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaadapter.apps.field.answers import FieldOptions
    from metaadapter.data.table import ImageTable

DetectionsFile = Annotated[
    Path | None,
    Option(
        "--detections",
        metavar="FILE.json",
        help="Boxes that MegaDetector (format 1.0 to 1.6) or SpeciesNet has found in these "
        "pictures: each box of an animal is looked at by itself.",
    ),
]
LabelledDetections = Annotated[
    Path | None,
    Option(
        "--detections",
        metavar="FILE.json",
        help="Boxes that MegaDetector (format 1.0 to 1.6) or SpeciesNet has found in the labelled "
        "pictures: the surest box of an animal is used in place of each picture.",
    ),
]
MinConfidence = Annotated[
    float, Option(min=0, max=1, help="Pass over boxes of which the detector is less sure.")
]
Burst = Annotated[
    float | None,
    Option(
        metavar="SECONDS",
        min=0,
        help="One answer for a series: pictures of one camera, by its folder, of which each was "
        "taken at most so long after the one before.",
    ),
]
Allowed = Annotated[
    str | None,
    Option(
        metavar="LIST",
        help="Answer only with classes that occur where the pictures were taken: names with commas "
        "between them, or a text file with one name on each line.",
    ),
]
Parents = Annotated[
    list[str] | None,
    Option(
        metavar="CLASSES=PARENT",
        help="Answer with a common name where these classes are too close to tell, as in "
        "fox,dog=canine. Repeat.",
    ),
]
MegaDetector = Annotated[
    Path | None,
    Option(
        "--megadetector",
        metavar="FILE.json",
        help="Write the answers as MegaDetector's JSON (format 1.6) too.",
    ),
]
Timelapse = Annotated[
    Path | None,
    Option(metavar="FILE.csv", help="Write a table that Timelapse imports too, one row a picture."),
]
CamtrapDp = Annotated[
    Path | None,
    Option(
        "--camtrap-dp",
        metavar="FOLDER",
        help="Write a Camera Trap Data Package (Camtrap DP 1.0.2) too. What people have written "
        "into its datapackage.json and deployments.csv stays.",
    ),
]
FalseTriggers = Annotated[
    Path | None,
    Option(
        metavar="FILE.csv",
        help="Write a list of the boxes that come back at the same place of one camera, such as a "
        "branch: for you to look at, then for adapt --background. Needs --detections.",
    ),
]


def read_cut(
    detections: Path | None, min_confidence: float, support: Path
) -> Callable[[ImageTable], ImageTable] | None:
    """How boxes are cut out of labelled pictures; None without a detector's file."""
    if detections is None:
        return None
    from metaadapter.apps.field.detections import read_detections
    from metaadapter.apps.field.labelled_boxes import surest_boxes

    found = read_detections(detections)
    return lambda table: surest_boxes(table, found, min_confidence, support)


def read_field_options(
    detections: Path | None,
    min_confidence: float,
    allowed: str | None,
    parents: Sequence[str] | None,
    classes: Sequence[str],
) -> FieldOptions:
    """What the options of a command tell; errors are those of their readers."""
    from metaadapter.apps.field.answers import FieldOptions
    from metaadapter.apps.field.detections import read_detections
    from metaadapter.apps.field.species import Species, read_allowed, read_parents

    species = Species(
        None if allowed is None else read_allowed(allowed, classes),
        read_parents(parents or (), classes),
    )
    found = None if detections is None else read_detections(detections)
    return FieldOptions(found, min_confidence, species)
