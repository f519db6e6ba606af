"""What a user takes along: answers as a table, and pictures sorted into folders."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from metaadapter.apps.page.answers import Answer
from metaadapter.apps.page.contents import Contents
from metaadapter.data.plain_text import in_csv

UNSURE, NONE_OF_THESE = "unsure", "none of these"
HEAD = (
    *("picture", "answer", "probability", "runner_up", "runner_up_probability", "known"),
    *("unfamiliar", "labelled", "id"),
)
NOT_IN_FOLDER_NAMES = '/\\:*?"<>|'
PIECE = 2**20


class Sorted(NamedTuple):
    """A picture, the name of its file as given, and the answer about it."""

    picture: str
    name: str
    answer: str
    said: Answer | None
    """What the classifier says; `None` where a person has given the class, or nothing is known."""
    labelled: bool


def sorted_pictures(contents: Contents, answers: Mapping[str, Answer], sure: float) -> list[Sorted]:
    """Every picture that has a class or an answer, in the order of classes and then of the tray.

    An answer of a probability below `sure` is `UNSURE`, one about an unfamiliar picture is
    `NONE_OF_THESE`. What a person has labelled is never doubted.
    """
    found = []
    for label in (*contents.ordered_classes, None):
        for picture in contents.pictures_of(label):
            name, said = contents.pictures[picture].name, answers.get(picture)
            if label is not None:
                found.append(Sorted(picture, name, contents.classes[label].name, None, True))
            elif said is not None and said.label in contents.classes:
                answer = contents.classes[said.label].name
                if said.unfamiliar:
                    answer = NONE_OF_THESE
                elif said.probability < sure:
                    answer = UNSURE
                found.append(Sorted(picture, name, answer, said, False))
    return found


def answer_table(pictures: list[Sorted], contents: Contents) -> str:
    """A CSV with one row a picture; names in it are no formulas for a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEAD)
    for each in pictures:
        said = each.said
        numbers: tuple[object, ...] = ("", "", "", "", "")
        if said is not None:
            runner_up = contents.classes.get(said.runner_up or "")
            numbers = (
                said.probability,
                "" if runner_up is None else runner_up.name,
                said.runner_up_probability,
                "" if said.known is None else said.known,
                "yes" if said.unfamiliar else "",
            )
        labelled = "yes" if each.labelled else ""
        row = (each.name, each.answer, *numbers, labelled, each.picture)
        writer.writerow(map(in_csv, row))
    return text.getvalue()


def move_script(pictures: list[Sorted]) -> str:
    """A shell script that moves the pictures, where they are, into folders of their answers."""
    lines = [
        "#!/bin/sh",
        "# Moves pictures into one folder for each answer. Run it in the folder that the pictures",
        "# were taken from. A file that is not there, or would replace another one, stays.",
        "set -u",
    ]
    folders = dict.fromkeys(folder_name(each.answer) for each in pictures)
    lines += [f"mkdir -p -- {quote('./' + folder)}" for folder in folders]
    for each in pictures:
        answer, (*folders_now, _) = folder_name(each.answer), each.name.split("/")
        if folders_now == [answer]:  # it is there already
            continue
        start, folder = quote(f"./{each.name}"), quote(f"./{answer}/")
        lines.append(f"[ -f {start} ] && mv -n -- {start} {folder}")
    return "\n".join([*lines, "exit 0", ""])


def zip_pieces(pictures: list[Sorted], files: Mapping[str, Path]) -> Iterator[bytes]:
    """A zip file of the pictures in folders of their answers, piece by piece, never held whole."""
    pipe = _Pipe()
    taken: set[str] = set()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for each in pictures:
            entry = zipfile.ZipInfo(_free_name(each, taken))
            with files[each.picture].open("rb") as file, archive.open(entry, "w") as packed:
                while piece := file.read(PIECE):
                    packed.write(piece)
                    yield pipe.taken()
            yield pipe.taken()
    yield pipe.taken()


def folder_name(answer: str) -> str:
    """The answer as the name of a folder on any system."""
    plain = "".join("_" if each in NOT_IN_FOLDER_NAMES else each for each in answer)
    plain = plain.strip(" .")
    return plain or "_"


def _free_name(each: Sorted, taken: set[str]) -> str:
    """A name in the folder of the answer that no other picture has."""
    folder, file = folder_name(each.answer), folder_name(each.name.split("/")[-1])
    name, number = f"{folder}/{file}", 1
    stem, dot, suffix = file.rpartition(".")
    while name.casefold() in taken:
        number += 1
        numbered = f"{stem} ({number}){dot}{suffix}" if stem else f"{file} ({number})"
        name = f"{folder}/{numbered}"
    taken.add(name.casefold())
    return name


class _Pipe(io.RawIOBase):
    """A file that cannot be rewound, and gives what was written to it away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        content = bytes(piece)  # type: ignore[call-overload]
        self._pieces.append(content)
        return len(content)

    def taken(self) -> bytes:
        """What was written since the last call."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
