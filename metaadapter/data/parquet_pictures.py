"""The pictures in a column of a Parquet file: bytes, or {bytes, path} as Hugging Face writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaadapter.data.manifest import COLUMNS
from metaadapter.data.packed import ParquetCell, open_parquet, packed_name
from metaadapter.data.strict_json import parse_json
from metaadapter.data.table import ImageRow
from metaadapter.errors import DataError

if TYPE_CHECKING:
    from pyarrow import Schema

ROWS_AT_ONCE = 4096
FACTS = ("label", "caption", "split", "group")


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
