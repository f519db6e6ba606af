"""The file of a page that a command writes, which is never one of somebody else's."""

from __future__ import annotations

from pathlib import Path

from metaadapter.errors import DataError

OWN_MARK = '<meta name="generator" content="metaadapter">'


def require_place(page_file: Path, instead: str) -> None:
    """Refuse to overwrite a page that is not ours, before any work is done.

    `instead` is what to choose, as in "another folder with --out".

    Raises:
        DataError: The file is another page, or its folder is a file.
    """
    if page_file.parent.is_file():
        raise DataError(f"{page_file.parent} is a file, and no folder; choose {instead}")
    if page_file.is_dir():
        raise DataError(f"{page_file} is a folder; choose {instead}")
    if page_file.is_file() and OWN_MARK not in page_file.read_text(errors="replace")[:2000]:
        raise DataError(
            f"{page_file} is a file of yours, not a page of metaadapter, and would be overwritten; "
            f"choose {instead}"
        )
