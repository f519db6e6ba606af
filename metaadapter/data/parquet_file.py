"""Open a Parquet file with the errors that every reader of Parquet has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError, MissingPackage

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

# A Parquet file that claims more rows is damaged, since different paths take more bytes.
MOST_ROWS_A_BYTE = 8


def require_pyarrow(use: str, instead: str = "") -> Any:
    """Return the module pyarrow, with its part for Parquet.

    Args:
        use: The reason why it is needed, such as "writing Parquet".
        instead: Another way out, such as ", or save the table as CSV".

    Raises:
        MissingPackage: It is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackage(
            f"{use} needs the package pyarrow; install it with pip install "
            f"'metaadapter[parquet]'{instead}"
        ) from error
    return pyarrow


@contextmanager
def open_parquet(path: Path, remedy: str = "save it again") -> Iterator[ParquetFile]:
    """Open a Parquet file; an error of Arrow within the block is a `DataError` that names it.

    The message ends with the remedy.

    Raises:
        MissingPackage: pyarrow is not installed.
        DataError: The file is damaged, or no Parquet file.
    """
    pyarrow = require_pyarrow(f"reading the Parquet file {path}", ", or save the table as CSV")
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
