"""Places of pictures inside tar and Parquet files; they are accepted wherever a picture is.

A column of a row group of Parquet can only be read from its start on, so a reader stays where it
is: rows in order are read once, whatever the size of the row group, and the memory holds a few
rows.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from metaadapter.data.regular_files import regular
from metaadapter.data.url import Url
from metaadapter.errors import DataError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

# A Parquet file that claims more rows is damaged, since different paths take more bytes.
MOST_ROWS_A_BYTE = 8
# Workers ask for rows a little out of order, so the last BATCHES_KEPT batches stay in memory.
ROWS_AT_ONCE, BATCHES_KEPT = 8, 8
READERS_KEPT = 4
BUFFER_BYTES = 2**20


class TarMember(NamedTuple):
    """A file in an uncompressed tar file: `length` bytes from the byte `start` on."""

    path: Path
    """Its name, CONTAINER/MEMBER; there is no such file."""
    container: Path
    start: int
    length: int

    def read(self) -> bytes:
        """Return the content; `OSError` if it cannot be read."""
        if isinstance(self.container, Url):
            content = self.container.read_range(self.start, self.start + self.length)
            if len(content) < self.length:
                raise self._cut_short()
            return content
        with regular(self.container).open("rb") as file:
            if os.fstat(file.fileno()).st_size < self.start + self.length:
                raise self._cut_short()
            file.seek(self.start)
            return file.read(self.length)

    def _cut_short(self) -> OSError:
        return OSError(errno.EIO, f"the tar file {self.container} ends within it")


class ParquetCell(NamedTuple):
    """The bytes of a picture in a row, counted from 0, of a row group of a Parquet file."""

    path: Path
    """Its name, CONTAINER/NAME; there is no such file."""
    container: Path
    column: str
    """The column of bytes; the part of a nested column follows a dot."""
    row_group: int
    row: int

    def read(self) -> bytes:
        """Return the content; `OSError` if it cannot be read. Safe to call from several threads."""
        import pyarrow

        status = regular(self.container).stat()
        # A process that was forked must not share the place in the file with its parent.
        version = os.getpid(), status.st_size, status.st_mtime_ns
        reader = _reader(self.container, self.column, self.row_group, version)
        try:
            content = reader.cell(self.row)
        except (pyarrow.ArrowException, ValueError, LookupError, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise OSError(errno.EIO, f"the row group is damaged ({error})") from error
        if not content:
            raise OSError(errno.EIO, "the cell is empty")
        return content


Packed: TypeAlias = TarMember | ParquetCell


def packed_name(container: Path, member: str) -> Path:
    """Return CONTAINER/MEMBER, which never leads out of the container."""
    parts = PurePosixPath(member.replace("\0", "")).parts
    return container.joinpath(*(part for part in parts if part not in ("/", "//", "..")))


@contextmanager
def open_parquet(path: Path, remedy: str = "save it again") -> Iterator[ParquetFile]:
    """Open a Parquet file; an error of Arrow within the block is a `DataError` that names it.

    The message ends with the remedy.
    """
    import pyarrow.parquet

    try:
        # As an open file: pyarrow cannot open a path that is not UTF-8.
        with regular(path).open("rb") as file:
            table = pyarrow.parquet.ParquetFile(file)
            n_rows = table.metadata.num_rows
            if n_rows > MOST_ROWS_A_BYTE * path.stat().st_size:
                raise ValueError(f"it claims {n_rows} rows, more than it can hold")
            yield table
    except DataError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"cannot read the Parquet table {path}: {error}; {remedy}") from error


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
