"""The record of the training of a generator or peer.

An evaluation reads it. It is apart from the folder of a run, so that a change of the generator does
not change the program that measures other methods.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaadapter.data.checksums import TRAINING_RECORD, read_document

# In the folder of the weights that ship, and one folder above `best/` of a training run.
RECORDS = ("training.json", "../summary.json")
RECORD_REMEDY = "restore it from a copy, or train again"


def read_training_record(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the file and content of the record of a generator or peer; `None` without one."""
    for path in (folder / name for name in RECORDS):
        if path.is_file():
            record, _ = read_document(path, TRAINING_RECORD, RECORD_REMEDY, without_proof=(None,))
            return path, record
    return None
