"""The file of a page that a command writes; it never replaces another file of the user."""

from __future__ import annotations

from pathlib import Path

from metaadapter.errors import DataError

OWN_MARK = '<meta name="generator" content="metaadapter">'


def require_place(page_file: Path, instead: str) -> None:
    """Raise a `DataError` if a page would replace a file that is no page of metaadapter."""
    if page_file.parent.is_file():
        raise DataError(f"{page_file.parent} is a file, not a folder; choose {instead}")
    if page_file.is_dir():
        raise DataError(f"{page_file} is a folder; choose {instead}")
    if page_file.is_file() and OWN_MARK not in page_file.read_text(errors="replace")[:2000]:
        raise DataError(
            f"{page_file} is not a page of metaadapter, and would be overwritten; choose {instead}"
        )
