"""Cells of Parquet files, read in the order of their rows by several threads.

A column of a row group can only be read from its start on, so a reader stays where it is: rows in
order are read once, whatever the size of the row group, and the memory holds a few rows.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from metaadapter.data.regular_files import regular

# Workers ask for rows a little out of order, so the last BATCHES_KEPT batches stay in memory.
ROWS_AT_ONCE, BATCHES_KEPT = 8, 8
READERS_KEPT = 4
BUFFER_BYTES = 2**20


def read_cell(file: Path, column: str, row_group: int, row: int) -> bytes:
    """Return the bytes in a cell; safe to call from several threads.

    Raises:
        OSError: The file cannot be read, is damaged, or the cell is empty.
    """
    import pyarrow

    status = regular(file).stat()
    # A process that was forked must not share the place in the file with its parent.
    reader = _reader(file, column, row_group, (os.getpid(), status.st_size, status.st_mtime_ns))
    try:
        content = reader.cell(row)
    except (pyarrow.ArrowException, ValueError, LookupError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise OSError(errno.EIO, f"the row group is damaged ({error})") from error
    if not content:
        raise OSError(errno.EIO, "the cell is empty")
    return content


@lru_cache(READERS_KEPT)
def _reader(file: Path, column: str, row_group: int, _version: object) -> _GroupReader:
    return _GroupReader(file, column, row_group)


class _GroupReader:
    """The cells of one column in one row group; the last ones stay in memory."""

    def __init__(self, file: Path, column: str, row_group: int) -> None:
        self._file, self._column, self._row_group = file, column, row_group
        self._lock = threading.Lock()
        self._rewind()

    def cell(self, row: int) -> bytes | None:
        with self._lock:
            try:
                if self._kept and row < self._kept[0][0]:
                    self._rewind()
                while row >= self._next:
                    batch = next(self._batches)
                    self._kept.append((self._next, batch))
                    self._next += len(batch)
            except StopIteration:
                raise LookupError(f"it has {self._next} rows") from None
            except BaseException:
                self._rewind()
                raise
            start, cells = next(entry for entry in reversed(self._kept) if entry[0] <= row)
            return cells[row - start].as_py()  # type: ignore[no-any-return]

    def _rewind(self) -> None:
        self._kept = deque[tuple[int, Any]](maxlen=BATCHES_KEPT)
        self._next = 0
        self._batches = self._read()

    def _read(self) -> Iterator[Any]:
        import pyarrow.parquet

        with self._file.open("rb") as file:
            table = pyarrow.parquet.ParquetFile(file, buffer_size=BUFFER_BYTES)
            for batch in table.iter_batches(
                ROWS_AT_ONCE, row_groups=[self._row_group], columns=[self._column]
            ):
                # Only the wanted part of a nested column is read.
                cells = batch.column(0)
                yield cells.field(0) if pyarrow.types.is_struct(cells.type) else cells
