"""The record of what the weights in a folder were trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaadapter.data.proof import TRAINING_RECORD, read_document

# Beside the weights that ship, and one folder above `best/` of a training run.
RECORDS = ("training.json", "../summary.json")
REMEDY = "restore it from a copy, or train again"


def read_training_record(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The record in or above the folder of a generator or peer, and its file; None without one.

    Raises:
        DataError: The record cannot be read.
    """
    for record in (folder / place for place in RECORDS):
        if record.is_file():
            return record, read_document(record, TRAINING_RECORD, REMEDY, without_proof=(None,))[0]
    return None
