"""From files that a client sent to pictures of a project, and what was refused of them and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from metaadapter.apps.page.archives import is_archive, unpack
from metaadapter.apps.page.picture_folder import PictureFolder
from metaadapter.apps.page.receiving import Limits, ReceivedFile
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.plain_text import one_line

LONGEST_PART, MOST_PARTS = 120, 16
DRIVE = re.compile(r"^[A-Za-z]:")


class Refused(NamedTuple):
    """A file that was not taken, and why."""

    name: str
    reason: str


class TakenPicture(NamedTuple):
    """A picture that is in the folder of the project now."""

    picture: str
    name: str

    @property
    def folder(self) -> str | None:
        """The name of the folder that it lay in; `None` where it lay in none."""
        return self.name.split("/")[-2] if "/" in self.name else None


@dataclass(slots=True)
class TakenIn:
    """What became of the files of a request."""

    pictures: list[TakenPicture] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


class SentFile(NamedTuple):
    """A file on disk that should be a picture, or the reason why there is none."""

    name: str
    path: Path | None
    reason: str = ""


def take_in(files: Sequence[ReceivedFile], folder: PictureFolder, limits: Limits) -> TakenIn:
    """Move the pictures among files, and those in zip files among them, into a folder."""
    taken = TakenIn()
    for sent in sent_pictures(files, limits):
        if sent.path is None:
            taken.refused.append(Refused(sent.name, sent.reason))
            continue
        try:
            taken.pictures.append(TakenPicture(folder.keep(sent.path), sent.name))
        except UnreadableImage as error:
            taken.refused.append(Refused(sent.name, error.reason))
    return taken


def sent_pictures(files: Sequence[ReceivedFile], limits: Limits) -> Iterator[SentFile]:
    """The files of a request, zip files unpacked; each has to be used before the next is asked for.

    A picture that is larger than the limit comes with a reason and no file.
    """
    for file in files:
        name = plain_name(file.name)
        if is_archive(file.path):
            yield from _archived(name, file.path, limits)
            file.path.unlink(missing_ok=True)
        elif file.path.stat().st_size > limits.picture_bytes:
            yield SentFile(name, None, f"it has more than {limits.picture_bytes:,} bytes")
        else:
            yield SentFile(name, file.path)


def _archived(archive: str, path: Path, limits: Limits) -> Iterator[SentFile]:
    into = path.with_name(f"{path.name}-unpacked")
    found = unpack(
        path,
        into,
        most_files=limits.archived_files,
        most_bytes=limits.unpacked_bytes,
        most_bytes_of_one=limits.picture_bytes,
    )
    try:
        for each in found:
            name = plain_name(each.name)
            if each.path is not None and is_archive(each.path):
                yield SentFile(name, None, "it is a zip file within a zip file; unpack it first")
            else:
                yield SentFile(name, each.path, each.reason)
    except ValueError as error:
        yield SentFile(archive, None, str(error))


def plain_name(name: str) -> str:
    """A relative path that leads nowhere but down, its parts one visible line each.

    What a client calls a file is shown, and stands in tables and scripts that a user takes along.
    """
    parts = DRIVE.sub("", name.replace("\\", "/")).split("/")
    kept = [one_line(part.strip()) for part in parts if part.strip() not in ("", ".", "..")]
    shortened = [_shortened(part) for part in kept]
    return "/".join(shortened[-MOST_PARTS:]) or "picture"


def _shortened(part: str) -> str:
    if len(part) <= LONGEST_PART:
        return part
    stem, dot, suffix = part.rpartition(".")
    end = f"{dot}{suffix}" if stem and len(suffix) <= 8 else ""
    return part[: LONGEST_PART - len(end)] + end
