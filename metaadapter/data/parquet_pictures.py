"""The pictures of a Parquet file with a column of bytes, or of {bytes, path} as in `datasets`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaadapter.data.manifest import COLUMNS, facts_of, texts_of
from metaadapter.data.packed import Packed, open_parquet, packed_name
from metaadapter.data.strict_json import parse_json
from metaadapter.data.table import ImageRow
from metaadapter.errors import DataError

if TYPE_CHECKING:
    from pyarrow import Schema


def picture_column(path: Path) -> str | None:
    """Return the name of the column with pictures; None if the file has none, and is a manifest.

    Raises:
        DataError: The file is damaged, or has several such columns.
    """
    with open_parquet(path) as table:
        columns = [field.name for field in table.schema_arrow if _has_bytes(field.type)]
    named = [name for name in columns if name.lower() in COLUMNS["path"]] or columns
    if len(named) > 1:
        raise DataError(
            f"expected one column of pictures in {path}, but {', '.join(map(repr, named))} hold "
            "bytes; rename the one that is meant to 'image'"
        )
    return next(iter(named), None)


def list_parquet(container: Path) -> Iterator[ImageRow]:
    """Yield the pictures of a Parquet file, row by row; no picture is read.

    The other columns are those of a manifest. Whole numbers become the names of Hugging Face's
    `ClassLabel`, if the file has them.
    """
    column = picture_column(container)
    if column is None:
        raise DataError(
            f"expected a column of pictures in {container}, like the other Parquet files in its "
            "folder, but it has none; move it away"
        )
    with open_parquet(container) as table:
        schema = table.schema_arrow
        kind = schema.field(column).type
        is_nested = _is_struct(kind)
        has_paths = is_nested and kind.get_field_index("path") >= 0
        others = [field.name for field in schema if not _has_bytes(field.type)]
        others += [f"{column}.path"] if has_paths else []
        bytes_column = f"{column}.bytes" if is_nested else column
        classes, n_before = _class_names(schema), 0
        for group in range(table.num_row_groups):
            n_rows = table.metadata.row_group(group).num_rows
            rows: list[dict[str, Any]] = [{}] * n_rows
            if others:
                rows = table.read_row_group(group, columns=others).flatten().to_pylist()
            for row, values in enumerate(rows):
                name = values.pop(f"{column}.path", None)
                facts = facts_of(texts_of(values))
                label = facts.get("label")
                path = packed_name(container, name or facts.get("path") or f"row {n_before + row}")
                yield ImageRow(
                    path,
                    classes.get(label) if classes and label else label,
                    facts.get("split"),
                    facts.get("group"),
                    packed=Packed(path, container, (group, row), bytes_column),
                )
            n_before += n_rows


def _has_bytes(kind: Any) -> bool:
    import pyarrow

    if _is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))


def _is_struct(kind: Any) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_struct(kind))


def _class_names(schema: Schema) -> dict[str, str]:
    """Return number → name of the classes that Hugging Face's `datasets` wrote into the schema."""
    try:
        columns = parse_json((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = next(columns[name]["names"] for name in COLUMNS["label"] if name in columns)
        return {str(number): str(name) for number, name in enumerate(names)}
    except (KeyError, StopIteration, TypeError, ValueError):
        return {}
