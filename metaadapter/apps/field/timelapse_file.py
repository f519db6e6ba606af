"""Predictions as a table for Timelapse (https://timelapse.ucalgary.ca): one row per frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path, PureWindowsPath

from metaadapter.apps.field.frames import by_frame, relative_name, shown_in, sureness
from metaadapter.apps.field.species import is_nothing, is_species
from metaadapter.data.table_file import Row, write_table
from metaadapter.workflow.predictions import NONE_OF_THESE, UNKNOWN, Prediction

# The first four are built into Timelapse; its template must have fields with the other names.
COLUMNS = ("File", "RelativePath", "DateTime", "DeleteFlag", "Species", "Count", "Probability")
TIME = "%Y-%m-%d %H:%M:%S"


def write_timelapse(file: Path, predictions: Iterable[Prediction], folder: Path) -> None:
    """Write the table; `folder` is the root of the image set, where Timelapse has its template."""
    write_table(file, COLUMNS, _rows(predictions, folder))


def _rows(predictions: Iterable[Prediction], folder: Path) -> Iterator[Row]:
    for path, of_frame in by_frame(predictions):
        name = PureWindowsPath(relative_name(path, folder))
        time = of_frame[0].time and datetime.fromisoformat(of_frame[0].time).strftime(TIME)
        label, count, probability = _answer(of_frame)
        relative_path = "" if str(name.parent) == "." else str(name.parent)
        yield name.name, relative_path, time or "", "false", label, count, f"{probability:.4f}"


def _answer(of_frame: Sequence[Prediction]) -> tuple[str, int, float]:
    """The label of the surest animal, its number of boxes, and its probability.

    The labels of other species, people and vehicles follow, with commas between them as in a field
    of Timelapse for multiple choices.
    """
    shown = sorted(
        shown_in(of_frame),
        key=lambda answer: (is_species(answer.label), sureness(answer)),
        reverse=True,
    )
    best = shown[0]
    count = sum(answer.label == best.label for answer in shown)
    labels = dict.fromkeys(answer.label for answer in shown)
    others = [label for label in labels if label not in (best.label, NONE_OF_THESE, UNKNOWN)]
    return (
        ",".join([best.label, *others]),
        0 if is_nothing(best.label) else count,
        best.probability,
    )
