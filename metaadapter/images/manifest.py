"""Manifests: a table with one row per picture, as CSV, JSON lines or Parquet."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path

from metaadapter.errors import DataError
from metaadapter.images.manifest_formats import Record, read_csv, read_jsonl, read_parquet
from metaadapter.images.table import ImageRow, ImageTable

__all__ = ["is_manifest", "read_manifest"]


FORMATS = {
    ".csv": ("CSV manifest", read_csv),
    ".tsv": ("CSV manifest", read_csv),
    ".jsonl": ("JSONL manifest", read_jsonl),
    ".ndjson": ("JSONL manifest", read_jsonl),
    ".parquet": ("Parquet manifest", read_parquet),
}

# The name of each column, then what else it is called in the wild.
COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "image", "filepath", "image_path"),
    "label": ("label", "class", "category"),
    "split": ("split",),
    "group": ("group",),
}

MAX_NAMED = 5  # faulty lines named in a message


def is_manifest(path: Path) -> bool:
    """Tell by its name whether a file is a manifest."""
    return path.suffix.lower() in FORMATS


def read_manifest(manifest: Path, *, labelled: bool) -> ImageTable:
    """Read a table with the columns path, label and, if wanted, split and group.

    Args:
        manifest: CSV (separated by comma, semicolon or tab), JSON lines or Parquet file.
            Relative paths start at its own folder.
        labelled: Demand a label in each row; otherwise all labels are None.

    Returns:
        The pictures in the order of the manifest. Single files may be missing: that shows when
        they are decoded.

    Raises:
        DataError: A column or a label is missing, a line is broken, or no picture is there.
        MissingPackage: A Parquet manifest without pyarrow.
    """
    kind, read = FORMATS[manifest.suffix.lower()]
    columns, records = read(manifest)
    if not records:
        raise DataError(f"expected one row per picture in {manifest}, but it has no rows")
    wanted = ("path", "label") if labelled else ("path",)
    named = {column: _find_column(column, columns) for column in COLUMNS}
    for column in wanted:
        if named[column] is None:
            raise DataError(_missing_column(manifest, column, columns))
        _require_filled(manifest, column, records, str(named[column]))
    rows = tuple(_row(manifest.parent, record.values, named, labelled) for record in records)
    if not any(row.path.exists() for row in rows):
        raise DataError(_all_missing(manifest, rows))
    return ImageTable(rows, kind)


def _find_column(column: str, found: tuple[str, ...]) -> str | None:
    return next((alias for alias in COLUMNS[column] if alias in found), None)


def _row(
    folder: Path, values: Mapping[str, str], named: Mapping[str, str | None], labelled: bool
) -> ImageRow:
    def value(column: str) -> str | None:
        return values.get(named[column] or "") or None

    label = value("label") if labelled else None
    return ImageRow(
        path=folder / (value("path") or ""),
        label=label and unicodedata.normalize("NFC", label),
        split=value("split"),
        group=value("group"),
    )


def _require_filled(manifest: Path, column: str, records: list[Record], name: str) -> None:
    places = [record.place for record in records if not record.values.get(name)]
    if places:
        more = f" and {len(places) - MAX_NAMED} more" if len(places) > MAX_NAMED else ""
        raise DataError(
            f"expected a {column} in every row of {manifest}, but it is missing in "
            f"{', '.join(places[:MAX_NAMED])}{more}; fill it in or delete the row"
        )


def _missing_column(manifest: Path, column: str, columns: tuple[str, ...]) -> str:
    return (
        f"expected a column {column!r} (or {', '.join(COLUMNS[column][1:])}) in {manifest}, but "
        f"its columns are {', '.join(map(repr, columns))}; rename one, or add a first line "
        "such as path,label if it has none"
    )


def _all_missing(manifest: Path, rows: tuple[ImageRow, ...]) -> str:
    return (
        f"none of the {len(rows)} pictures named in {manifest} exists; relative paths start at "
        f"the folder of the manifest, {manifest.parent.resolve()}, so the first was looked for at "
        f"{rows[0].path.resolve()}; move the manifest or correct its paths"
    )
