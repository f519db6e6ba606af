"""The pictures of a tar file in the layout of WebDataset; only headers and small texts are read.

Members with the same name up to the first dot are one sample: `fox/001.jpg`, `fox/001.cls`.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from io import BufferedIOBase
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, cast

from metaadapter.data.packed import Packed, packed_name
from metaadapter.data.table import ImageRow
from metaadapter.data.walk import is_picture, is_visible
from metaadapter.errors import DataError
from metaadapter.files.regular_files import regular
from metaadapter.files.strict_json import parse_json

LABEL, FACTS = "cls", "json"
LABEL_KEYS = ("label", "class", "category")
MOST_TEXT_BYTES = 65_536
# Of the errors of `tarfile`, the last ones come from sizes and names that make no sense.
DAMAGE = (tarfile.TarError, ValueError, OverflowError, EOFError)


def list_tar(container: Path, warnings: list[str]) -> Iterator[ImageRow]:
    """Yield the pictures of a tar file in their order; damage ends the list with a warning.

    The label is the content of the member `.cls`, else `label`, `class` or `category` in `.json`.

    Raises:
        DataError: The file cannot be read, or is no uncompressed tar file.
    """
    try:
        with (
            regular(container).open("rb") as file,
            regular(container).open("rb") as texts,
            tarfile.open(fileobj=file, mode="r:") as archive,
        ):
            members = _members(archive, container, warnings)
            for _, sample in groupby(members, key=lambda member: _parts(member.name)[0]):
                yield from _pictures(container, list(sample), texts)
    except (*DAMAGE, OSError) as error:
        raise DataError(
            f"cannot read the tar file {container}: {getattr(error, 'strerror', '') or error}; "
            "copy it again, or unpack it if it is compressed"
        ) from error


def _members(
    archive: tarfile.TarFile, container: Path, warnings: list[str]
) -> Iterator[tarfile.TarInfo]:
    n_members, fault = 0, ""
    try:
        while member := archive.next():
            cast("Any", archive).members.clear()  # it would keep millions
            n_members += 1
            if member.isreg() and not member.issparse():
                yield member
        file: Any = archive.fileobj
        file.seek(archive.offset)
        end = file.read(tarfile.BLOCKSIZE)
        if len(end) < tarfile.BLOCKSIZE:
            fault = "cut short"
        elif end.strip(b"\0"):
            fault = "damaged"
    except DAMAGE:
        fault = "cut short or damaged"
    if fault:
        warnings.append(
            f"{container} is {fault} at byte {archive.offset:,}: only the {n_members:,} members "
            "before that place are used; copy it again"
        )


def _pictures(
    container: Path, sample: list[tarfile.TarInfo], texts: BufferedIOBase
) -> Iterator[ImageRow]:
    pictures = [member for member in sample if is_picture(PurePosixPath(member.name))]
    if not pictures:
        return
    beside = {_parts(member.name)[1]: member for member in sample}
    label = _text(beside[LABEL], texts) if LABEL in beside else ""
    if not label and FACTS in beside:
        label = _label(beside[FACTS], texts)
    for member in pictures:
        path = packed_name(container, member.name)
        folders = path.relative_to(container).parts[:-1]
        if all(map(is_visible, (*folders, path.name))):
            packed = Packed(path, container, member.offset_data, member.size)
            yield ImageRow(path, label or None, packed=packed)


def _parts(name: str) -> tuple[str, str]:
    """Return the key of a sample and the ending, which follows the first dot of the file name."""
    folder, slash, file = name.rpartition("/")
    key, _, ending = file.partition(".")
    return f"{folder}{slash}{key}", ending.lower()


def _text(member: tarfile.TarInfo, file: BufferedIOBase) -> str:
    file.seek(member.offset_data)
    content = file.read(min(member.size, MOST_TEXT_BYTES + 1))
    if len(content) > MOST_TEXT_BYTES:
        return ""
    return " ".join(content.decode("utf-8-sig", errors="replace").replace("\0", "").split())


def _label(member: tarfile.TarInfo, file: BufferedIOBase) -> str:
    try:
        facts = parse_json(_text(member, file))
    except (ValueError, RecursionError):
        return ""
    values = (facts.get(key) for key in LABEL_KEYS) if isinstance(facts, dict) else ()
    return next((str(value) for value in values if isinstance(value, str | int)), "")
