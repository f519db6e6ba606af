"""The folder of a library: a mark by which it is known, and one file for each entry.

What the folder of entries lists is what the library holds. So one entry comes, changes, or goes in
one step of the file system, and no other file has to agree.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metaadapter.adapter.files import LOCK_OF_SKILLS, SECONDS_TO_WAIT
from metaadapter.adapter.layout import SKILL_SUFFIX
from metaadapter.apps.library.names import fold
from metaadapter.data.atomic_files import replace_file
from metaadapter.data.output_folder import hold_lock, require_no_link, write_errors
from metaadapter.data.proof import read_document, write_document
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError

MARK_FILE, ENTRIES, SCHEMA = "library.json", "entries", "metaadapter.library/1"
REMEDY = (
    "delete that file, which tells nothing but what the folder is; the next `metaadapter library "
    "add` writes it anew"
)
AGAIN = "give the same command again"


def open_folder(folder: Path, *, create: bool) -> None:
    """Check that a folder is a library; one that is new or empty may become one.

    Raises:
        DataError: It holds other things, its mark is damaged, or it cannot be written.
        IncompatibleArtifact: It is no library and is not to become one, or one of another version.
    """
    mark = folder / MARK_FILE
    if mark.exists():
        read_document(mark, SCHEMA, REMEDY)
        return
    if not create:
        raise IncompatibleArtifact(
            f"{folder} is not a library: expected a folder with {MARK_FILE}, as made by "
            "`metaadapter library add LIBRARY ADAPTER`"
        )
    if folder.exists():
        _require_nothing_else(folder)
    with write_errors(_owner(folder), instead="choose another folder"):
        (folder / ENTRIES).mkdir(parents=True, exist_ok=True)
    with hold_entries(folder):
        if not mark.exists():  # another one may have been faster
            write_document(mark, {"schema": SCHEMA})


def listed(folder: Path) -> dict[str, Path]:
    """Name → file of each entry, sorted by name, whatever state the file is in."""
    try:
        files = [path.name for path in (folder / ENTRIES).iterdir() if _is_entry(path.name)]
    except FileNotFoundError:
        files = []
    found: dict[str, Path] = {}
    for file in sorted(files):
        name = file.removesuffix(SKILL_SUFFIX)
        composed = unicodedata.normalize("NFC", name)
        # Some file systems decompose names; on others there may be both, put there by hand.
        found[name if composed in found else composed] = folder / ENTRIES / file
    return dict(sorted(found.items()))


def entry_file(folder: Path, name: str) -> Path:
    """The skill file that an entry of a name gets."""
    return folder / ENTRIES / f"{name}{SKILL_SUFFIX}"


def require_free(folder: Path, name: str, *, replace: bool) -> None:
    """Check that an entry may get a name, or `replace` the one that has it.

    Raises:
        UsageError: Another one has it, or one that some file systems take for the same.
    """
    there = listed(folder)
    if name in there and replace:
        return
    alike = next((each for each in there if fold(each) == fold(name)), None)
    if alike is not None:
        same = "" if alike == name else ", which some file systems take for the same name"
        raise UsageError(
            f"the library {folder} has an entry {alike!r} already{same}; choose another "
            "name (--name), or replace it (--replace)"
        )


def put_entry(folder: Path, name: str, content: bytes, *, replace: bool) -> None:
    """Write an entry in one step; errors are those of `require_free` and `hold_entries`."""
    with hold_entries(folder):
        require_free(folder, name, replace=replace)
        replace_file(listed(folder).get(name, entry_file(folder, name)), content)


@contextmanager
def hold_entries(folder: Path) -> Iterator[None]:
    """Keep others from writing to the entries while a block runs, which waits for a short time.

    The lock is the one of skill files in a folder, so that `metaadapter add` to an entry holds it
    too. What a killed writer has left is removed.

    Raises:
        DataError: Another one writes for a longer time, or the block cannot write.
    """
    entries, owner = folder / ENTRIES, _owner(folder)
    with write_errors(owner, instead="choose another folder"):
        require_no_link(entries)
        entries.mkdir(exist_ok=True)
        with hold_lock(
            entries / LOCK_OF_SKILLS, owner, reentrant=True, wait=SECONDS_TO_WAIT, instead=AGAIN
        ):
            for unfinished in entries.glob(f"*{SKILL_SUFFIX}.tmp"):
                unfinished.unlink(missing_ok=True)
            yield


def _require_nothing_else(folder: Path) -> None:
    """Check that a folder without the mark is empty, or all that is lost is the mark."""
    if not folder.is_dir():
        raise DataError(f"{folder} is a file; give a folder for the library")
    # Hidden files are left by file managers; the mark may get its name at this very moment.
    own = {ENTRIES, MARK_FILE, f"{MARK_FILE}.tmp"}
    others = [path.name for path in folder.iterdir() if path.name not in own]
    if (folder / ENTRIES).is_dir():
        entries = (path.name.removesuffix(".tmp") for path in (folder / ENTRIES).iterdir())
        others += [f"{ENTRIES}/{name}" for name in entries if not name.endswith(SKILL_SUFFIX)]
    others = sorted(name for name in others if not Path(name).name.startswith("."))
    if others:
        raise DataError(
            f"the folder {folder} holds other files ({', '.join(others[:3])}"
            f"{' …' if len(others) > 3 else ''}) and no library; give an empty or new folder"
        )


def _is_entry(name: str) -> bool:
    return name.endswith(SKILL_SUFFIX) and not name.startswith(".")


def _owner(folder: Path) -> str:
    return f"the library {folder}"
