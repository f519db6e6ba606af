"""Open a Parquet file with the errors that every reader of Parquet has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

# A Parquet file that claims more rows is damaged, since different paths take more bytes.
MOST_ROWS_A_BYTE = 8


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
