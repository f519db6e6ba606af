"""The files to download: predictions as a table, and pictures sorted into folders."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from metaadapter.apps.page.contents import Contents
from metaadapter.data.plain_text import in_csv
from metaadapter.workflow.predictions import Prediction

UNSURE, NONE_OF_THESE = "unsure", "none of these"
HEADER = (
    *("picture", "answer", "probability", "runner_up", "runner_up_probability", "known"),
    *("unfamiliar", "labelled", "id"),
)
NOT_IN_FOLDER_NAMES = '/\\:*?"<>|'
PIECE_BYTES = 2**20


class SortedPicture(NamedTuple):
    """A picture with the class that it is sorted into."""

    id: str
    name: str
    answer: str
    """The name of the class, `UNSURE` or `NONE_OF_THESE`."""
    prediction: Prediction | None
    """`None` for a labelled picture."""


def sorted_pictures(
    contents: Contents, predictions: Mapping[str, Prediction], threshold: float
) -> list[SortedPicture]:
    """Every picture with a label or a prediction: the pictures of each class, then of the tray.

    A prediction with a probability below the threshold becomes `UNSURE`; the prediction for an
    unfamiliar picture becomes `NONE_OF_THESE`. Labels stay as they are.
    """
    pictures = []
    for label in (*contents.ordered_classes, None):
        for key in contents.pictures_of(label):
            name, prediction = contents.pictures[key].name, predictions.get(key)
            if label is not None:
                pictures.append(SortedPicture(key, name, contents.classes[label].name, None))
            elif prediction is not None and prediction.label in contents.classes:
                answer = contents.classes[prediction.label].name
                if prediction.unfamiliar:
                    answer = NONE_OF_THESE
                elif prediction.probability < threshold:
                    answer = UNSURE
                pictures.append(SortedPicture(key, name, answer, prediction))
    return pictures


def prediction_table(pictures: list[SortedPicture], contents: Contents) -> str:
    """A CSV text with one row per picture; spreadsheets take no name in it for a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for picture in pictures:
        prediction = picture.prediction
        numbers: tuple[object, ...] = ("", "", "", "", "", "yes")
        if prediction is not None:
            runner_up = contents.classes.get(prediction.runner_up)
            numbers = (
                prediction.probability,
                "" if runner_up is None else runner_up.name,
                prediction.runner_up_probability,
                "" if prediction.known is None else prediction.known,
                "yes" if prediction.unfamiliar else "",
                "",
            )
        writer.writerow(map(in_csv, (picture.name, picture.answer, *numbers, picture.id)))
    return text.getvalue()


def move_script(pictures: list[SortedPicture]) -> str:
    """A shell script that moves the user's own files into folders named by class."""
    lines = [
        "#!/bin/sh",
        "# Moves pictures into one folder per class. Run it in the folder that you added the",
        "# pictures from. A file that is missing, or would replace another one, stays.",
        "set -u",
    ]
    folders = dict.fromkeys(folder_name(picture.answer) for picture in pictures)
    lines += [f"mkdir -p -- {quote('./' + folder)}" for folder in folders]
    for picture in pictures:
        folder, (*parents, _) = folder_name(picture.answer), picture.name.split("/")
        if parents == [folder]:  # the picture is already there
            continue
        source, target = quote(f"./{picture.name}"), quote(f"./{folder}/")
        lines.append(f"[ -f {source} ] && mv -n -- {source} {target}")
    return "\n".join([*lines, "exit 0", ""])


def zip_pieces(pictures: list[SortedPicture], files: Mapping[str, Path]) -> Iterator[bytes]:
    """Yield, in pieces, a zip file of the pictures in folders named by class."""
    pipe = _Pipe()
    taken: set[str] = set()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for picture in pictures:
            entry = zipfile.ZipInfo(_free_name(picture, taken))
            with files[picture.id].open("rb") as file, archive.open(entry, "w") as packed:
                while piece := file.read(PIECE_BYTES):
                    packed.write(piece)
                    yield pipe.take()
            yield pipe.take()
    yield pipe.take()


def folder_name(answer: str) -> str:
    """The name of a class as a folder name that every system allows."""
    plain = "".join("_" if letter in NOT_IN_FOLDER_NAMES else letter for letter in answer)
    return plain.strip(" .") or "_"


def _free_name(picture: SortedPicture, taken: set[str]) -> str:
    folder, file = folder_name(picture.answer), folder_name(picture.name.split("/")[-1])
    name, number = f"{folder}/{file}", 1
    stem, dot, suffix = file.rpartition(".")
    while name.casefold() in taken:
        number += 1
        numbered = f"{stem} ({number}){dot}{suffix}" if stem else f"{file} ({number})"
        name = f"{folder}/{numbered}"
    taken.add(name.casefold())
    return name


class _Pipe(io.RawIOBase):
    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        content = bytes(piece)  # type: ignore[call-overload]
        self._pieces.append(content)
        return len(content)

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
