"""Manifests: a table with one row per picture, as CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from metaadapter.data.crop import Box
from metaadapter.data.label_sets import NO_LABEL, SEPARATOR
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError
from metaadapter.files.regular_files import is_regular, read_utf8, regular
from metaadapter.files.strict_json import parse_json
from metaadapter.files.url import Url, as_place

# A Parquet file that claims more rows is damaged, since different paths take more bytes.
MOST_ROWS_A_BYTE = 8
SIDES = ("box_left", "box_top", "box_width", "box_height")
# The name of each column, followed by other names that users give it.
COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "image", "filepath", "image_path"),
    "label": ("label", "class", "category"),
    "split": ("split",),
    "group": ("group",),
    "description": ("description",),
    **{side: (side,) for side in SIDES},
}
LABEL_COLUMNS = COLUMNS["label"]

# In a table of predictions, the reason why a picture has none; such a row has no label.
UNREADABLE_REASON = "unreadable_reason"
NO_TEXT = (type(None), dict, list, bytes)
MAX_NAMED = 5  # faulty lines named in a message


class Record(NamedTuple):
    """One row: its position ("line 3"), and its texts by column name in lower case."""

    position: str
    values: Mapping[str, str]


def is_manifest(path: Path) -> bool:
    """Return whether a file has the name of a manifest."""
    return path.suffix.lower() in READERS


def read_records(table: Path) -> list[Record]:
    """Read the rows of a table; all rows of a CSV file have all columns."""
    return READERS[table.suffix.lower()](table)


def read_manifest(manifest: Path, *, labelled: bool) -> ImageTable:
    """Read a table of pictures with the columns `COLUMNS`; only path is always required.

    A description is a sentence about the class; duplicates count once. The box is in fractions
    of the upright picture. Paths may be relative to the folder of the manifest.
    """
    records = [
        record
        for record in read_records(manifest)
        if record.values.get("label") or not record.values.get(UNREADABLE_REASON)
    ]
    if not records:
        raise DataError(
            f"expected one row per picture in {manifest}, but it has no rows; add some, or leave "
            "it out"
        )
    facts_of_rows = [_facts(record.values) for record in records]
    for column in ("path", "label") if labelled else ("path",):
        _require(manifest, column, records, facts_of_rows)
    rows = list[ImageRow]()
    sentences = defaultdict[str, dict[str, None]](dict)
    for record, facts in zip(records, facts_of_rows, strict=True):
        label = unicodedata.normalize("NFC", facts["label"]) if labelled else None
        path = as_place(facts["path"])
        rows.append(
            ImageRow(
                path if isinstance(path, Url) else manifest.parent / path,
                label,
                facts.get("split"),
                facts.get("group"),
                _box(manifest, record.position, [facts.get(side) for side in SIDES]),
            )
        )
        if label and (sentence := facts.get("description")):
            sentences[label][sentence] = None
    if not any(is_regular(row.path) for row in rows):
        raise DataError(
            f"none of the {len(rows)} pictures named in {manifest} exists; its paths are relative "
            f"to the folder {manifest.parent.absolute()}, so the first was looked for at "
            f"{rows[0].path.absolute()}; move the manifest or correct its paths"
        )
    kind = manifest.suffix[1:].upper()
    descriptions = {label: tuple(lines) for label, lines in sentences.items()}
    return ImageTable(tuple(rows), f"{kind} manifest", descriptions=descriptions)


def _facts(values: Mapping[str, str]) -> dict[str, str]:
    """Return the facts of a row that are not empty, by the first names in `COLUMNS`."""
    facts = {
        fact: next((text for name in names if (text := values.get(name))), "")
        for fact, names in COLUMNS.items()
    }
    return {fact: text for fact, text in facts.items() if text}


def _require(
    manifest: Path, column: str, records: Sequence[Record], facts: Sequence[Mapping[str, str]]
) -> None:
    missing = [
        record.position for record, fact in zip(records, facts, strict=True) if column not in fact
    ]
    columns = dict.fromkeys(name for record in records for name in record.values)
    if not columns.keys() & {*COLUMNS[column]}:
        raise DataError(
            f"expected a column {column!r} (or {', '.join(COLUMNS[column][1:])}) in {manifest}, "
            f"but its columns are {', '.join(map(repr, columns))}; rename one, or add a first line "
            "such as path,label if there is none"
        )
    if missing:
        more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
        raise DataError(
            f"expected a {column} in every row of {manifest}, but it is missing in "
            f"{', '.join(missing[:MAX_NAMED])}{more}; fill it in or delete the row"
        )


def _box(manifest: Path, position: str, sides: list[str | None]) -> Box | None:
    if not any(sides):
        return None
    try:
        box = Box(*(float(side or "") for side in sides))
        if box.is_within:
            return box
    except ValueError:
        pass
    raise DataError(
        f"expected {', '.join(SIDES)}, four numbers from 0 to 1 for a rectangle in the picture, in "
        f"{position} of {manifest}, got {', '.join(side or 'nothing' for side in sides)}; correct "
        "them, or leave all four empty"
    )


def _read_csv(path: Path) -> list[Record]:
    text = _text(path)
    header = text.strip().partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    lines = io.StringIO(text.lstrip("\r\n"))
    reader = csv.DictReader(lines, delimiter=delimiter, restval="", strict=True)
    records = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row.pop(None, ())):
                raise DataError(
                    f"expected {len(row)} cells in each line of {path}, as in its first line, but "
                    f"line {reader.line_num} has more: {', '.join(row.values())[:80]}, …; put "
                    "a cell with a separator into quotation marks"
                )
            values = {name.strip().lower(): cell.strip() for name, cell in row.items()}
            if any(values.values()):
                records.append(Record(f"line {reader.line_num}", values))
    except csv.Error as error:
        raise DataError(
            f"expected a table in {path}, but line {reader.reader.line_num} cannot be read: "
            f"{error}; look for a quotation mark without its partner"
        ) from error
    return records


def _read_jsonl(path: Path) -> list[Record]:
    example = 'expected a line such as {"path": "fox/1.jpg", "label": "fox"}'
    records = []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except ValueError as error:
            raise DataError(
                f"{example}, but line {number} of {path} is not JSON: {error}"
            ) from error
        if not isinstance(value, dict):
            raise DataError(f"{example}, but line {number} of {path} is {line.strip()[:80]}")
        records.append(Record(f"line {number}", _texts(value)))
    return records


def _read_parquet(path: Path) -> list[Record]:
    import pyarrow.parquet

    try:
        # As an open file: pyarrow cannot open a path that is not UTF-8.
        with regular(path).open("rb") as file:
            table = pyarrow.parquet.ParquetFile(file)
            n_rows = table.metadata.num_rows
            if n_rows > MOST_ROWS_A_BYTE * path.stat().st_size:
                raise ValueError(f"it claims {n_rows} rows, more than it can hold")
            rows = table.read().to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"cannot read the Parquet table {path}: {error}; save it again") from error
    return [Record(f"row {number}", _texts(values)) for number, values in enumerate(rows, start=1)]


def _text(path: Path) -> str:
    return read_utf8(path, "manifest", saved_as="the table again as 'CSV UTF-8'")


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {
        (column := name.strip().lower()): _cell(column, value) for name, value in values.items()
    }


def _cell(column: str, value: object) -> str:
    if column in COLUMNS["label"] and isinstance(value, list):
        # The labels of one picture; an empty list says that there is none, unlike an empty cell.
        return SEPARATOR.join(map(str, value)) or NO_LABEL
    return "" if isinstance(value, NO_TEXT) else str(value).strip()


READERS = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
}
