"""Answers as a table that Timelapse (https://timelapse.ucalgary.ca) imports: one row a frame."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path, PureWindowsPath
from typing import IO

from metaadapter.apps.field.answered_frames import by_frame, relative_name
from metaadapter.apps.field.species import is_nothing
from metaadapter.data.atomic_files import replace_file
from metaadapter.data.plain_text import in_csv
from metaadapter.workflow.predictions import Prediction

# The first four are Timelapse's own; fields of the other names have to be in its template.
COLUMNS = ("File", "RelativePath", "DateTime", "DeleteFlag", "Species", "Count", "Probability")
TIME = "%Y-%m-%d %H:%M:%S"


def write_timelapse(file: Path, predictions: Iterable[Prediction], folder: Path) -> None:
    """Write the table in one step; frames are taken one by one.

    Args:
        file: The table.
        predictions: Those of a frame follow one another.
        folder: The root folder of the image set, where Timelapse has its template.
    """
    replace_file(file, lambda opened: _write(opened, predictions, folder))


def _write(opened: IO[bytes], predictions: Iterable[Prediction], folder: Path) -> None:
    opened.write(_line(COLUMNS))
    for row in _rows(predictions, folder):
        opened.write(_line(row))


def _rows(predictions: Iterable[Prediction], folder: Path) -> Iterator[Sequence[object]]:
    for path, answers in by_frame(predictions):
        name = PureWindowsPath(relative_name(path, folder))
        time = answers[0].time and datetime.fromisoformat(answers[0].time).strftime(TIME)
        label, count, probability = _answer(answers)
        where = "" if str(name.parent) == "." else str(name.parent)
        yield name.name, where, time or "", "false", label, count, f"{probability:.4f}"


def _answer(answers: Sequence[Prediction]) -> tuple[str, int, float]:
    """What a frame shows: of all that is seen the label with most boxes, then the surest."""
    seen = [each for each in answers if not is_nothing(each.label)]
    if not seen:
        surest = max(answers, key=lambda each: each.probability)
        return surest.label, 0, surest.probability
    counts = Counter(each.label for each in seen)
    best = max(seen, key=lambda each: (counts[each.label], each.probability))
    return best.label, counts[best.label], best.probability


def _line(row: Sequence[object]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(map(in_csv, row))
    return text.getvalue().encode(errors="surrogateescape")
