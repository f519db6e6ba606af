"""The record of how a generator or peer was trained.

An evaluation reads it. The code is separate from that of runs, so that a change of the generator
does not change the program that measures other methods.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaadapter.files.checksums import TRAINING_RECORD, read_document

# In the folder of weights that ship, or above it for several; above `best/` in a training run.
RECORDS = ("training.json", "../summary.json", "../training.json")
RECORD_REMEDY = "restore it from a copy, or train again"
# 48 bits: of a million trained pictures, one in 280 million others has the digits of one of them.
HASH_DIGITS = 12


def short_hash(sha256: str) -> str:
    """Return the first digits of a picture's hash, as a record keeps them."""
    return sha256[:HASH_DIGITS]


def read_training_record(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the path and content of the record for the weights in `folder`; `None` if absent."""
    for path in (folder / name for name in RECORDS):
        if path.is_file():
            record, _ = read_document(path, TRAINING_RECORD, RECORD_REMEDY)
            return path, record
    return None
