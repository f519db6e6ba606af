"""Rows as the bytes of a CSV file in which no name is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from metaadapter.data.plain_text import in_csv


def csv_bytes(
    rows: Iterable[Iterable[object]], *, raw: bool = False, line_end: str = "\r\n"
) -> bytes:
    """Return rows as CSV in UTF-8; undecodable bytes of file names stay the same bytes.

    Args:
        rows: The cells.
        raw: Write names unchanged, which a spreadsheet may read as formulas.
        line_end: The end of each line.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerows(rows if raw else (map(in_csv, row) for row in rows))
    return text.getvalue().encode(errors="surrogateescape")
