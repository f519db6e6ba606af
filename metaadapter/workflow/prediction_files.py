"""The kind of the file that holds predictions, by its ending."""

from __future__ import annotations

from pathlib import Path

from metaadapter.workflow.parquet_predictions import ParquetFile
from metaadapter.workflow.prediction_rows import RowFormat
from metaadapter.workflow.row_files import CsvFile, JsonLinesFile, RowFile


def file_kind(path: Path, rows: RowFormat) -> RowFile:
    """Return the kind of a file by its ending: `.jsonl`, `.parquet`, or CSV for any other."""
    ending = path.suffix.lower()
    if ending == ".parquet":
        return ParquetFile(rows)
    return JsonLinesFile(rows) if ending == ".jsonl" else CsvFile(rows)
