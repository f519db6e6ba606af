"""How often each species was seen at each camera."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from metaadapter.apps.field.frames import by_frame, camera_folder, relative_name, shown_in
from metaadapter.apps.field.species import is_nothing
from metaadapter.data.table_file import csv_table
from metaadapter.workflow.predictions import Prediction


class SpeciesCount(NamedTuple):
    """How often a label was seen at a camera."""

    label: str
    camera: str
    """The folder of the camera."""
    individuals: int
    """The largest number in one frame of a series, summed over all series; at least so many."""
    pictures: int
    """Frames with the label; for an empty frame there are no individuals."""


def species_counts(predictions: Iterable[Prediction], folder: Path) -> list[SpeciesCount]:
    """Count labels by camera, sorted by both; names of cameras are relative to `folder`.

    A frame without a series counts as a series of its own.
    """
    pictures, largest = Counter[tuple[str, str]](), Counter[tuple[str, str, str]]()
    for path, of_frame in by_frame(predictions):
        camera = relative_name(camera_folder(path), folder).strip(".") or folder.name
        event = of_frame[0].series or str(path)
        for label, n in Counter(prediction.label for prediction in shown_in(of_frame)).items():
            pictures[label, camera] += 1
            largest[label, camera, event] = max(largest[label, camera, event], n)
    individuals = Counter[tuple[str, str]]()
    for (label, camera, _), n in largest.items():
        individuals[label, camera] += 0 if is_nothing(label) else n
    return [
        SpeciesCount(label, camera, individuals[label, camera], n)
        for (label, camera), n in sorted(pictures.items())
    ]


def counts_table(counts: Iterable[SpeciesCount]) -> bytes:
    """The counts as a CSV file."""
    return csv_table(("species", "camera", "individuals", "pictures"), counts)
