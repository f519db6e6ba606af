"""Tar and Parquet files that hold pictures: one file, or a folder of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaadapter.data.manifest import COLUMNS
from metaadapter.data.packed import ParquetCell, TarMember, open_parquet, packed_name
from metaadapter.data.strict_json import parse_json
from metaadapter.data.table import CompactRows, ImageRow, ImageTable
from metaadapter.data.tar_pictures import list_tar
from metaadapter.data.walk import SPLIT_NAMES, are_splits
from metaadapter.errors import DataError

if TYPE_CHECKING:
    from pyarrow import Schema

TAR, PARQUET = ".tar", ".parquet"
ROWS_AT_ONCE = 4096
FACTS = ("label", "split", "group")
# Parquet files of Hugging Face are called train-00000-of-00010.parquet.
FIRST_WORD = re.compile(r"[a-z]+(?=[-_.]|$)", re.IGNORECASE)
LABELS = {
    TAR: "put a member KEY.cls or KEY.json with a key 'label' beside KEY.jpg, or put the "
    "pictures of each class into a folder of their own",
    PARQUET: "add a column 'label'",
}


def holds_pictures(path: Path) -> bool:
    """Return whether a file is a tar file, by its name, or a Parquet file with pictures in it."""
    suffix = path.suffix.lower()
    return suffix == TAR or (suffix == PARQUET and picture_column(path) is not None)


def read_containers(files: Sequence[Path], source: Path, *, labelled: bool) -> ImageTable:
    """List the pictures of tar and Parquet files, file by file, in the order of the members.

    The split is the folder of the file (train, val, test), or the first word of its name; or the
    uppermost folder in a tar file. A picture's label is in its file (`list_tar`, `list_parquet`),
    or the folder of the member.

    Args:
        files: The files.
        source: The file or folder that the user named.
        labelled: Whether pictures need a label; those without one are left out.

    Raises:
        DataError: A file cannot be read, or no picture has a label that needs one.
    """
    warnings: list[str] = []
    listed = CompactRows(row for file in files for row in _list(file, warnings))
    if not listed:
        raise DataError(
            f"expected pictures in {source}, but its tar or Parquet files ({len(files)}) hold none"
            f"{''.join(f'; {warning}' for warning in warnings)}"
        )
    of_files = _splits(files, source)
    depth = 1 if are_splits({folders for row in listed if (folders := _folders(row))}) else 0

    def with_facts(row: ImageRow) -> ImageRow:
        folders, container = _folders(row), row.packed.container if row.packed else row.path
        label = row.label or (folders[depth] if folders[depth:] else None) if labelled else None
        split = row.split or of_files.get(container) or (folders[0] if folders[:depth] else None)
        # Macs write é as two characters, unlike most manifests.
        label = unicodedata.normalize("NFC", label) if label else None
        return replace(row, label=label, split=split)

    rows = CompactRows(row for row in map(with_facts, listed) if row.label or not labelled)
    kind = files[0].suffix.lower()
    if not rows:
        raise DataError(
            f"expected a class for each picture in {source}, but none of {len(listed)} has "
            f"one; {LABELS[kind]}"
        )
    if n_left := len(listed) - len(rows):
        warnings.append(f"pictures without a class in {source} were left out: {n_left}")
    return ImageTable(rows, f"{'tar' if kind == TAR else 'Parquet'} files", tuple(warnings))


def _list(file: Path, warnings: list[str]) -> Iterable[ImageRow]:
    if file.suffix.lower() == TAR:
        return list_tar(file, warnings)
    column = picture_column(file)
    if column is None:
        raise DataError(
            f"expected a column of pictures in {file}, like the other Parquet files in its folder, "
            "but it has none; move it away"
        )
    return list_parquet(file, column)


def _folders(row: ImageRow) -> tuple[str, ...]:
    """Return the folders of a member within its tar file."""
    member = row.packed
    if not isinstance(member, TarMember):
        return ()
    return row.path.relative_to(member.container).parts[:-1]


def _splits(files: Sequence[Path], source: Path) -> dict[Path, str]:
    """Return the split of each file by its folder or name; empty unless all have one."""
    splits = {}
    for file in files:
        parts = file.relative_to(source).parts if file != source else (file.name,)
        match = FIRST_WORD.match(parts[-1])
        names = [parts[0], *([match[0]] if match else [])]
        split = next((name for name in names if name.lower() in SPLIT_NAMES), None)
        if split is None:
            return {}
        splits[file] = split
    return splits


def picture_column(path: Path) -> str | None:
    """Return the name of the column with pictures; None if the file has none, and is a manifest.

    Raises:
        DataError: The file is damaged, or has several such columns.
    """
    with open_parquet(path) as table:
        columns = [field.name for field in table.schema_arrow if _is_picture(field.type)]
    named = [name for name in columns if name.lower() in COLUMNS["path"]] or columns
    if len(named) > 1:
        raise DataError(
            f"expected one column of pictures in {path}, but {', '.join(map(repr, named))} hold "
            "bytes; rename the one that is meant to 'image'"
        )
    return next(iter(named), None)


def list_parquet(container: Path, column: str) -> Iterator[ImageRow]:
    """Yield the pictures of a Parquet file, row by row; no picture is read.

    Whole numbers become the names of Hugging Face's `ClassLabel`, if the file has them.
    """
    with open_parquet(container) as table:
        schema = table.schema_arrow
        facts = {
            fact: name
            for fact in FACTS
            if (name := _column(schema, COLUMNS[fact], but=column)) is not None
        }
        classes = _class_names(schema, facts.get("label", ""))
        field = schema.field(column).type
        is_nested = _is_nested(field)
        bytes_column = f"{column}.bytes" if is_nested else column
        path_column = _column(schema, COLUMNS["path"], but=column)
        if is_nested and field.get_field_index("path") >= 0:
            path_column = f"{column}.path"
        wanted = [*facts.values(), *([path_column] if path_column else [])]
        n_before = 0
        for group in range(table.num_row_groups):
            n_rows = table.metadata.row_group(group).num_rows
            rows = _rows(table, group, wanted) if wanted else iter(({},) * n_rows)
            for row, values in enumerate(rows):
                name = _text(_value(values, path_column)) or f"row {n_before + row}"
                path = packed_name(container, name)
                known: dict[str, Any] = {
                    fact: _text(values.get(name)) or None for fact, name in facts.items()
                }
                label = known.get("label")
                known["label"] = classes.get(label) if classes and label else label
                cell = ParquetCell(path, container, bytes_column, group, row)
                yield ImageRow(path, **known, packed=cell)
            n_before += n_rows


def _rows(table: Any, group: int, columns: list[str]) -> Iterator[dict[str, Any]]:
    for batch in table.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=columns):
        yield from batch.to_pylist()


def _is_picture(kind: Any) -> bool:
    import pyarrow

    if _is_nested(kind):
        kind = kind.field("bytes").type
    return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))


def _is_nested(kind: Any) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_struct(kind)) and kind.get_field_index("bytes") >= 0


def _column(schema: Schema, names: tuple[str, ...], *, but: str) -> str | None:
    import pyarrow

    plain = {
        field.name.lower(): field.name
        for field in schema
        if field.name != but and not pyarrow.types.is_nested(field.type)
    }
    return next((plain[name] for name in names if name in plain), None)


def _value(values: Mapping[str, Any], column: str | None) -> object:
    if column is None:
        return None
    name, _, part = column.rpartition(".")  # the name of a column may have a dot
    value = values.get(column, values.get(name))
    return value.get(part) if isinstance(value, dict) else value


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _class_names(schema: Schema, column: str) -> dict[str, str]:
    """Return number → name of the classes that Hugging Face's `datasets` wrote into the schema."""
    try:
        facts = parse_json((schema.metadata or {})[b"huggingface"])
        names = facts["info"]["features"][column]["names"]
        return {str(number): str(name) for number, name in enumerate(names)}
    except (KeyError, TypeError, ValueError):
        return {}
