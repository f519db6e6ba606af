"""Arrays in the files of a store, and what is required of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError
from metaadapter.features.store.row_table import REMEDY

# The rounding error of the length of features in half precision.
MAX_LENGTH_ERROR = 0.01


def load_array(file: Path, folder: Path, kind: type[np.generic]) -> np.ndarray:
    """Open a store's array as a memory map: its header may declare more than memory holds."""
    try:
        array: np.ndarray = np.load(regular(file), mmap_mode="r", allow_pickle=False)
        if array.dtype != kind:
            raise ValueError(f"expected {kind.__name__}, found {array.dtype}")
    except Exception as error:  # numpy parses the header as Python, which may raise any error
        if is_shortage(error):
            raise
        raise damaged(folder, f"{file.name} is no array of numpy ({error})") from error
    return array


def require_unit_rows(file: Path, rows: np.ndarray, start: int = 0, *, zeros: bool = False) -> None:
    """Raise `DataError` unless rows, from row `start` of a file on, have length 1 (or 0)."""
    lengths = np.linalg.norm(rows.astype(np.float32), axis=1)
    # Written with <, which is false for NaN, so that a row with NaN is wrong.
    is_right = (abs(lengths - 1) < MAX_LENGTH_ERROR) | (zeros & (lengths == 0))
    if not is_right.all():
        row = int(np.flatnonzero(~is_right)[0])
        raise DataError(
            f"row {start + row} of {file} should be a vector of length 1, but has length "
            f"{lengths[row]}; {REMEDY}"
        )


def damaged(folder: Path, reason: str) -> DataError:
    """Return the error that names a damaged store, the reason and the remedy."""
    return DataError(f"the feature store {folder} is damaged: {reason}. To continue, {REMEDY}")
