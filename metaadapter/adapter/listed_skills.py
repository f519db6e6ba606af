"""The list of a library: the seal of each skill file, so that a lost or exchanged file is noticed.

The list is in the mark of the library, and every writer of a skill file keeps it up to date. Files
that are put into the library by hand are entries too, without being listed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from metaadapter.adapter.layout import CONFIG_FILE, SKILL_SUFFIX, open_skill
from metaadapter.data.checksums import FileSource, content_hash, read_document, write_document
from metaadapter.errors import DataError, MetaAdapterError

MARK_FILE, ENTRIES, SCHEMA = "library.json", "entries", "metaadapter.library/1"
REMEDY = (
    "delete that file, which marks the folder as a library and lists its entries; the next "
    "`metaadapter library add` writes it again"
)


def skill_name(skill: Path) -> str:
    """Return the name of an entry by its file, in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", skill.name.removesuffix(SKILL_SUFFIX))


def seal_of(skill: FileSource) -> str:
    """Return a hash of an adapter, of the document that has the hashes of its other files."""
    return content_hash(skill.read(CONFIG_FILE))


def read_list(library: Path) -> dict[str, str]:
    """Return name → seal of each listed entry; `DataError` if the list is damaged."""
    mark = library / MARK_FILE
    if not mark.exists():
        return {}
    listed = read_document(mark, SCHEMA, REMEDY)[0].get("entries")
    if not isinstance(listed, dict) or not all(isinstance(seal, str) for seal in listed.values()):
        raise DataError(f"{mark}: expected the seal of each entry, got {listed!r:.80}; {REMEDY}")
    return listed


def write_list(library: Path, listed: Mapping[str, str]) -> None:
    """Write the mark of a library with its list."""
    write_document(library / MARK_FILE, {"schema": SCHEMA, "entries": dict(sorted(listed.items()))})


def readings_of_list(library: Path) -> Iterator[dict[str, str]]:
    """Yield the list, then again as long as another process changes the list meanwhile.

    A writer takes a file off the list, writes it, and lists it again. So a fault that is found with
    the last reading is not the work of a writer.
    """
    while True:
        listed = read_list(library)
        yield listed
        if read_list(library) == listed:
            return


def faults_of_list(
    library: Path, listed: Mapping[str, str], seals: Mapping[str, str]
) -> dict[str, str]:
    """Return name → what is wrong, from the list and the seals of the files that are there.

    The seal of a file that cannot be read, "", is no fault of the list.
    """
    names = {seal: f"that of the entry {name!r}" for name, seal in listed.items()}
    lost = {
        name: f"the file of the entry {name!r} is missing: expected "
        f"{library / ENTRIES / name}{SKILL_SUFFIX}; restore it from a copy, or forget the entry "
        f"with `metaadapter library remove`"
        for name in listed
        if name not in seals
    }
    unlisted = f"its SHA-256 is not in {MARK_FILE}"
    exchanged = {
        name: f"{library / ENTRIES / name}{SKILL_SUFFIX} holds another adapter than the one that "
        f"was added as {name!r}: {names.get(seal, unlisted)}; restore it from a copy, or replace "
        "it with `metaadapter library add --replace`"
        for name, seal in seals.items()
        if seal and listed.get(name, seal) != seal
    }
    return lost | exchanged


@contextmanager
def listing(*skills: Path) -> Iterator[None]:
    """Keep the list of a library up to date while a block writes, moves or removes skill files.

    The block holds the lock of the files. After a kill they are not listed, as if they had been
    changed by hand. Outside a library nothing is listed.
    """
    folder = skills[0].absolute().parent
    library = folder.parent
    if folder.name != ENTRIES or not (library / MARK_FILE).exists():
        yield
        return
    names = {skill_name(skill) for skill in skills}
    listed = read_list(library)
    others = {name: seal for name, seal in listed.items() if name not in names}
    if others != listed:
        write_list(library, others)
    try:
        yield
    finally:
        # A file system without case finds a file by its old name as well.
        for skill in filter({*folder.iterdir()}.__contains__, map(Path.absolute, skills)):
            with suppress(MetaAdapterError):  # a damaged file is not listed
                others[skill_name(skill)] = seal_of(open_skill(skill, CONFIG_FILE))
        if others != listed or set(others) & names:
            write_list(library, others)
