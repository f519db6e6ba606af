"""The checks of `metaadapter doctor --verify`: whether files are as they were written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from metaadapter.apps.cli.installation_checks import Check
from metaadapter.errors import DataError, MetaAdapterError


def file_checks(place: Path) -> Iterator[Check]:
    """Check each file of metaadapter in a folder and the folders in it, or one skill file.

    Raises:
        DataError: There is no such folder or file, or nothing in it can be checked.
    """
    if not place.exists():
        raise DataError(f"there is no folder or skill file {place}")
    is_empty, folder = True, place if place.is_dir() else place.parent
    for path, fault in _faults(place):
        is_empty, name = False, str(path.relative_to(folder))
        if fault is None:
            yield Check(name, "note", "has no SHA-256: an older version wrote it, or it is damaged")
        else:
            yield Check(name, "problem" if fault else "ok", fault or "as it was written")
    if is_empty:
        raise DataError(
            f"nothing in {place} can be checked: expected a folder that this or a later version of "
            "metaadapter wrote"
        )


def _faults(place: Path) -> Iterator[tuple[Path, str | None]]:
    """Each file with its fault; "" if it has none, `None` if it has no hash."""
    from metaadapter.adapter.layout import SKILL_SUFFIX
    from metaadapter.adapter.skill import check_skill
    from metaadapter.apps.page.history import HISTORY_FILE, read_contents
    from metaadapter.bench.evaluation.journal import JOURNAL_FILE, CellJournal
    from metaadapter.data.proof import check_files
    from metaadapter.training.checkpoint import load_checkpoint
    from metaadapter.training.run import CHECKPOINT

    if not place.is_dir():
        yield from check_skill(place)
        return
    yield from check_files(place)
    for skill in sorted(place.rglob(f"*{SKILL_SUFFIX}")):
        if not skill.is_dir():
            yield from check_skill(skill)
    # Files that contain their own hashes.
    readers: dict[str, Callable[[Path], Any]] = {
        JOURNAL_FILE: CellJournal,
        CHECKPOINT: load_checkpoint,
        HISTORY_FILE: read_contents,
    }
    for name, read in readers.items():
        for path in sorted(place.rglob(name)):
            try:
                read(path)
            except MetaAdapterError as error:
                yield path, str(error)
            else:
                yield path, ""
