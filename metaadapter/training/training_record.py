"""The record of the data that the weights in a folder were trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaadapter.data.proof import TRAINING_RECORD, read_document

# In the folder of the weights that ship, and one folder above `best/` of a training run.
RECORDS = ("training.json", "../summary.json")
REMEDY = "restore it from a copy, or train again"


def read_training_record(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the file and content of the record of a generator or peer; `None` without one.

    Raises:
        DataError: The record cannot be read.
    """
    for path in (folder / name for name in RECORDS):
        if path.is_file():
            return path, read_document(path, TRAINING_RECORD, REMEDY, without_proof=(None,))[0]
    return None
