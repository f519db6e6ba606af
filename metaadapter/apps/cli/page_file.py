"""The file of a page that a command writes, which never replaces a file of the user's."""

from __future__ import annotations

from pathlib import Path

from metaadapter.errors import DataError

OWN_MARK = '<meta name="generator" content="metaadapter">'


def require_place(page_file: Path, instead: str) -> None:
    """Check, before any work, that a page may be written to a file: it is new or such a page.

    Args:
        page_file: The file.
        instead: The remedy in an error, as in "another folder with --out".

    Raises:
        DataError: The file is another page, or its folder is a file.
    """
    if page_file.parent.is_file():
        raise DataError(f"{page_file.parent} is a file, not a folder; choose {instead}")
    if page_file.is_dir():
        raise DataError(f"{page_file} is a folder; choose {instead}")
    if page_file.is_file() and OWN_MARK not in page_file.read_text(errors="replace")[:2000]:
        raise DataError(
            f"{page_file} is not a page of metaadapter, and would be overwritten; choose {instead}"
        )
