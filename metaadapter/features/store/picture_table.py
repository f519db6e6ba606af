"""The table of a store's pictures, an Arrow file that is read from disk where it is used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import islice
from typing import IO, Any, final

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from metaadapter.errors import DataError
from metaadapter.features.store.header import REMEDY
from metaadapter.features.store.picture_facts import FIELDS, NUMBERED, PictureFacts
from metaadapter.files.checksums import Proof, content_hash
from metaadapter.files.regular_files import regular

Index = int | np.integer[Any] | slice | np.ndarray | list[int]
# Pictures that become Python objects at a time.
CHUNK_PICTURES = 65_536


# Bytes, because names of files and folders need not be UTF-8. Texts that repeat are numbers into
# a list of names, null for "".
NAME = pa.dictionary(pa.int32(), pa.large_binary())
COLUMNS = pa.schema(
    [
        ("path", pa.large_binary()),
        *((column, NAME) for column in NUMBERED),
        ("sha256", pa.large_string()),
    ]
)


@final
class PictureTable:
    """Columns with one entry per picture; "" stands for an unknown fact.

    For millions of pictures use `numbers`, because a text is a Python object.
    """

    def __init__(self, proof: Proof, name: str, n_pictures: int) -> None:
        """Open a table that `write_table` wrote; its hash and form are checked at its first use."""
        self._proof, self._name, self.n_pictures = proof, name, n_pictures
        self._content = np.memmap(regular(proof.document.with_name(name)), np.uint8, "r")

    @cached_property
    def table(self) -> pa.Table:
        """The table in Arrow, mapped; `DataError` if it is damaged or has other columns."""
        path = self._proof.document.with_name(self._name)
        content = pa.py_buffer(self._content)
        self._proof.require(self._name, content_hash(content))
        try:
            table = pa.ipc.open_file(pa.BufferReader(content)).read_all()
            table.validate(full=True)
            if table.schema != COLUMNS or len(table) != self.n_pictures:
                raise ValueError(f"it has {len(table)} rows of {', '.join(table.column_names)}")
        except (pa.ArrowException, ValueError) as error:
            raise DataError(
                f"{path} should be a table of {self.n_pictures} pictures with the columns "
                f"{', '.join(FIELDS)}; it is damaged or was edited ({error}): {REMEDY}"
            ) from error
        return table

    def of_pictures(self, column: str, index: Index = slice(None)) -> np.ndarray:
        """Return the texts of a column for all pictures, or for those of an index of numpy."""
        if column in NUMBERED:
            numbers, names = self.numbers(column, index)
            texts: np.ndarray = np.array([*names, ""], dtype=object)[numbers]  # −1 selects the last
            return texts
        values = _taken(self.table[column], index).to_pylist()
        return np.array([*map(_text, values), ""], dtype=object)[:-1]

    def numbers(
        self, column: str, index: Index = slice(None)
    ) -> tuple[Int[np.ndarray, " pictures"], tuple[str, ...]]:
        """Return a label, split or group as a number per picture, and the sorted names.

        The number is −1 for a picture without the fact.
        """
        entries = _taken(self.table[column], index)
        numbers = entries.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        stored = [_text(name) for name in entries.dictionary.to_pylist()]
        names = tuple(sorted(stored))
        place = {name: number for number, name in enumerate(names)}
        return np.array([*map(place.__getitem__, stored), -1])[numbers], names

    def numbers_in(self, column: str, wanted: Mapping[str, int]) -> Int[np.ndarray, " pictures"]:
        """Return the number that `wanted` gives each picture's label, split or group, else −1."""
        numbers, names = self.numbers(column)
        places = np.array([*(wanted.get(name, -1) for name in names), -1], dtype=np.int64)
        chosen: np.ndarray = places[numbers]
        return chosen

    def pictures(self, index: Index = slice(None)) -> list[PictureFacts]:
        """Return the pictures in the order of the table, or those of an index of numpy."""
        return list(map(PictureFacts, *(self.of_pictures(name, index) for name in FIELDS)))


def table_of(pictures: Iterable[PictureFacts]) -> pa.Table:
    """Return the table of pictures, in their order."""
    pictures, parts = iter(pictures), []
    while part := list(islice(pictures, CHUNK_PICTURES)):
        paths, *facts, hashes = zip(*part, strict=True)
        columns = [pa.array([_bytes(path) for path in paths], pa.large_binary())]
        for texts in facts:
            values = pa.array([_bytes(text) if text else None for text in texts], NAME.value_type)
            columns.append(values.dictionary_encode())
        columns.append(pa.array(hashes, pa.large_string()))
        parts.append(pa.table(columns, schema=COLUMNS))
    return joined(parts)


def joined(tables: Iterable[pa.Table]) -> pa.Table:
    """Return tables one after the other as one, whose columns are in one piece."""
    whole = pa.concat_tables([COLUMNS.empty_table(), *tables]).unify_dictionaries()
    # Rows of a column in several pieces can only be chosen after copying the column.
    return whole.combine_chunks()


def write_table(file: IO[bytes], table: pa.Table) -> None:
    """Write a table of pictures."""
    with pa.ipc.new_file(file, COLUMNS) as writer:
        writer.write_table(table)


def label_counts(table: pa.Table) -> dict[str, int]:
    """Return the number of pictures of each label, sorted by label."""
    counts = table["label"].drop_null().value_counts().to_pylist()
    return dict(sorted((_text(entry["values"]), entry["counts"]) for entry in counts))


def _taken(column: pa.ChunkedArray, index: Index) -> Any:
    """Return some entries of a column as one array."""
    # Joining pieces copies them, even a single one.
    whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(index, slice):
        numbers = range(len(whole))[index]
        if numbers.step == 1:
            return whole.slice(numbers.start, len(numbers))
        index = np.array(numbers, dtype=np.int64)
    return whole.take(pa.array(np.atleast_1d(index)))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode(errors="surrogateescape")
