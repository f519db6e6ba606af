"""Rows of predictions as Parquet (https://parquet.apache.org), which grows as an Arrow stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, ClassVar

from metaadapter.workflow.prediction_rows import Cell, Row, RowFormat
from metaadapter.workflow.row_files import RowFile

if TYPE_CHECKING:
    import pyarrow

SCHEMA = "metaadapter.predictions/1"
# About 32 MB of probabilities; the group's size decides the bytes of the file.
CELLS_IN_A_GROUP, MOST_ROWS_IN_A_GROUP = 2**22, 2**16


class ParquetFile(RowFile):
    """Parquet with typed columns; an unknown value is null.

    A Parquet file has its index at the end, so it cannot grow. The parts are batches of an Arrow
    stream; at the end they are copied, in row groups of a fixed size, so that the same rows give
    the same bytes however they came in parts.
    """

    is_final: ClassVar[bool] = False

    def __init__(self, rows: RowFormat) -> None:
        import pyarrow
        import pyarrow.parquet

        super().__init__(rows)
        self._arrow = pyarrow
        types = {str: pyarrow.string(), float: pyarrow.float64()}
        types |= {bool: pyarrow.bool_(), int: pyarrow.int64()}
        fields = [
            (in_unicode(name), types[kind])
            for name, kind in zip(rows.columns, rows.kinds, strict=True)
        ]
        self._schema = pyarrow.schema(fields, metadata={"metaadapter": SCHEMA})
        n_cells = CELLS_IN_A_GROUP // len(fields)
        self._n_in_group = min(max(n_cells, 1), MOST_ROWS_IN_A_GROUP)

    @property
    def head(self) -> bytes:
        """The schema message of the stream."""
        return bytes(self._schema.serialize())

    def pack(self, rows: Iterable[Row]) -> bytes:
        """Return the message of one batch."""
        batch = self._batch(rows)
        return bytes(batch.serialize()) if len(batch) else b""

    def read(self, file: IO[bytes]) -> Iterator[Row]:
        """Yield the rows of a Parquet file or of a stream."""
        for batch in self._batches(file):
            columns = [column.to_pylist() for column in batch.columns]
            yield from map(list, zip(*columns, strict=True))

    def write(self, file: IO[bytes], parts: Iterable[Sequence[Row]]) -> None:
        """Write a whole file."""
        self._write(file, map(self._batch, parts))

    def convert(self, grown: IO[bytes], file: IO[bytes]) -> None:
        """Copy a stream into a whole file, without its rows becoming Python objects."""
        self._write(file, self._batches(grown))

    def _batch(self, rows: Iterable[Row]) -> pyarrow.RecordBatch:
        columns: list[Iterable[Cell]] = list(zip(*rows, strict=True)) or [()] * len(self._schema)
        arrays = []
        for column, kind, field in zip(columns, self.rows.kinds, self._schema, strict=True):
            cells = map(in_unicode, column) if kind is str else column
            arrays.append(self._arrow.array(cells, field.type))
        return self._arrow.record_batch(arrays, schema=self._schema)

    def _batches(self, file: IO[bytes]) -> Iterator[pyarrow.RecordBatch]:
        is_whole = file.read(4) == b"PAR1"
        file.seek(0)
        if is_whole:
            parquet = self._arrow.parquet.ParquetFile(file)
            self._require_same(parquet.schema_arrow)
            yield from parquet.iter_batches(self._n_in_group)
            return
        with self._arrow.ipc.open_stream(file) as stream:
            self._require_same(stream.schema)
            yield from stream

    def _require_same(self, schema: pyarrow.Schema) -> None:
        if not schema.equals(self._schema):
            raise ValueError(f"expected the columns {', '.join(self.rows.columns)}")

    def _write(self, file: IO[bytes], batches: Iterable[pyarrow.RecordBatch]) -> None:
        with self._arrow.parquet.ParquetWriter(file, self._schema) as writer:
            waiting: list[pyarrow.RecordBatch] = []
            n_waiting = 0
            for batch in batches:
                waiting.append(batch)
                n_waiting += len(batch)
                while n_waiting >= self._n_in_group:
                    rows = self._joined(waiting)
                    writer.write_table(rows[: self._n_in_group].combine_chunks())
                    rest = rows[self._n_in_group :]
                    waiting, n_waiting = rest.to_batches(), len(rest)
            if n_waiting:
                writer.write_table(self._joined(waiting))

    def _joined(self, batches: list[pyarrow.RecordBatch]) -> pyarrow.Table:
        return self._arrow.Table.from_batches(batches, self._schema).combine_chunks()


def in_unicode(cell: Any) -> Any:
    r"""Write bytes of a file name that are no text as `\udce9`: Parquet has only Unicode."""
    return cell.encode(errors="backslashreplace").decode() if isinstance(cell, str) else cell
