"""Copy and check a database as a whole, and save or repair what can be read of a damaged one."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from metaadapter.errors import DataError, MetaAdapterError
from metaadapter.files.db import Database, Item
from metaadapter.files.db_connection import SECONDS, DamagedDatabase, connect, explanation
from metaadapter.files.db_records import DAMAGE, SELECTION, record_of
from metaadapter.files.output_folder import sync_folder
from metaadapter.files.regular_files import regular


def repaired(path: Path, purpose: str, head: Any = None, **options: Any) -> Database:
    """Open a database for writing and check all of it; a damaged one keeps what is before that.

    The arguments and the errors are those of `Database`.
    """
    try:
        log = Database(path, purpose, head, **options)
        try:
            log.verify()
            return log
        except BaseException:
            log.close()
            raise
    except DamagedDatabase:
        salvage(path, path, purpose)
        return Database(path, purpose, head, **options)


def backup(path: Path, out: Path) -> None:
    """Copy a database as it is on disk, which may be open; replace `out` in one step."""
    unfinished = _unfinished(out)
    try:
        with (
            closing(connect(path, SECONDS)) as source,
            closing(sqlite3.connect(unfinished)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise explanation(error, path, str(path), "try again") from error
    unfinished.replace(out)
    sync_folder(out.parent)


def salvage(path: Path, out: Path, purpose: str = "") -> int:
    """Save the records before the first damage to a new file, which may replace the old one.

    `purpose` stands in for that of a damaged head, whose job is lost then. Return the number.
    """
    unfinished, head, digest, items = _unfinished(out), None, b"", list[Item]()
    with (
        suppress(sqlite3.Error),
        # A file whose end is cut off can be read in this way, too.
        closing(connect(regular(path), SECONDS, "writable_schema = ON")) as source,
    ):
        for number, row in enumerate(source.execute(SELECTION.format(">= 0"))):
            try:
                record, digest = record_of(row, number, digest)
            except DAMAGE:
                if number or not purpose:
                    break
                digest = row[4]
                continue
            if number:
                items.append((record.kind, record.key, record.value))
            else:
                purpose, head = purpose or record.key, record.value
    if not purpose:
        raise DataError(f"nothing in {path} can be read; restore it from a copy, or remove it")
    with Database(unfinished, purpose, head) as saved:
        saved.append(items)
    unfinished.replace(out)
    sync_folder(out.parent)
    return len(items)


def check_database(path: Path) -> tuple[Path, str]:
    """Return a file and its fault, "" if all records are whole; its purpose may be any."""
    try:
        with Database(path, "", writes=False) as log:
            log.verify()
    except (MetaAdapterError, OSError) as error:
        return path, str(error)
    return path, ""


def _unfinished(path: Path) -> Path:
    """Return a free place beside a path, from which a file is renamed to it."""
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.unlink(missing_ok=True)
    return unfinished
