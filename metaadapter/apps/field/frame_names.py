"""The names of frames in the files of other programs, and the predictions of each frame."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from metaadapter.data.table import ImageRow
from metaadapter.workflow.predictions import Prediction


def by_frame(predictions: Iterable[Prediction]) -> Iterator[tuple[Path, list[Prediction]]]:
    """Each frame with its predictions, which follow one another."""
    for path, of_frame in groupby(predictions, key=lambda prediction: prediction.path):
        yield Path(path), list(of_frame)


def common_folder(rows: Sequence[ImageRow]) -> Path:
    """The innermost folder that contains all pictures: paths in a detector's file begin there."""
    parents = {row.path.absolute().parent for row in rows}
    try:
        return Path(os.path.commonpath(parents))
    except ValueError:  # on two drives
        return Path()


def relative_name(path: Path, folder: Path) -> str:
    """The path of a frame from a folder, with forward slashes; else its absolute path."""
    whole = path.absolute()
    if whole.is_relative_to(folder):
        return whole.relative_to(folder).as_posix()
    return whole.as_posix()
