"""Places of pictures inside tar and Parquet files."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from metaadapter.data.regular_files import regular
from metaadapter.data.url import Url
from metaadapter.errors import DataError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

# A Parquet file that claims more rows is damaged, since different paths take more bytes.
MOST_ROWS_A_BYTE = 8
# Workers ask for rows a little out of order, so two row groups stay in memory.
GROUPS_KEPT = 2
_READING = threading.Lock()


class Packed(NamedTuple):
    """A picture in a tar or Parquet file; accepted wherever a picture is."""

    path: Path
    """Its name, CONTAINER/NAME; there is no such file."""
    container: Path
    place: tuple[int, int]
    """In a tar file the first byte and the number of bytes; in Parquet the row group and the row,
    both from 0."""
    column: str = ""
    """In Parquet the column of bytes; the part of a nested column follows a dot."""

    def read(self) -> bytes:
        """Return the content; `OSError` if it cannot be read. Safe to call from several threads."""
        return self._cell() if self.column else self._member()

    def _member(self) -> bytes:
        start, length = self.place
        if isinstance(self.container, Url):
            content = self.container.read_range(start, start + length)
        else:
            with regular(self.container).open("rb") as file:
                is_there = os.fstat(file.fileno()).st_size >= start + length
                file.seek(start)
                content = file.read(length) if is_there else b""
        if len(content) < length:
            raise OSError(errno.EIO, f"the tar file {self.container} ends within it")
        return content

    def _cell(self) -> bytes:
        import pyarrow

        status = regular(self.container).stat()
        version = status.st_size, status.st_mtime_ns
        group, row = self.place
        try:
            with _READING:
                cells = _cells(self.container, self.column, group, version)
            content: bytes | None = cells[row].as_py()
        except (pyarrow.ArrowException, ValueError, LookupError, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise OSError(errno.EIO, f"the row group is damaged ({error})") from error
        if not content:
            raise OSError(errno.EIO, "the cell is empty")
        return content


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


@lru_cache(GROUPS_KEPT)
def _cells(file: Path, column: str, row_group: int, _version: object) -> Any:
    from pyarrow.parquet import ParquetFile

    with file.open("rb") as opened:
        return ParquetFile(opened).read_row_group(row_group, columns=[column]).flatten().column(0)
