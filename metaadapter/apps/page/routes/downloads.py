"""The files to download: predictions and labels as tables, and pictures sorted into folders.

No two classes share a folder, and no class shares one with the pile of unsure predictions.
"""

from __future__ import annotations

import unicodedata
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from operator import itemgetter
from typing import NamedTuple

from jinja2 import Environment, PackageLoader

from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.entries import NONE, PictureEntry
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.inputs import DONE, UnreadableImage
from metaadapter.data.label_sets import label_cell
from metaadapter.files.table_file import Column, Row, csv_table
from metaadapter.workflow.prediction.prediction_rows import (
    FACTS,
    OF_BOXES,
    OF_TIMES,
    SHA256,
    SIDES,
    STATUS,
)
from metaadapter.workflow.prediction.predictions import NONE_OF_THESE, Prediction

UNSURE = "unsure"
LABELLED = Column("labelled", bool)
"""The column that only tables of the page have: whether a person gave the label."""
NOT_IN_FOLDER_NAMES = '/\\:*?"<>|'
LEFT_OUT_FILE = "pictures left out.txt"
PIECES_AT_ONCE = 64
"""A piece of the contact sheet has at most a dozen thumbnails."""


class SortedPicture(NamedTuple):
    """A picture with the class that it is sorted into."""

    id: str
    name: str
    label: str
    """The id of the class, or the pile: `UNSURE` or `NONE`."""
    answer: str
    """The name of the class or of a pile; a class of that name gives the pile a number."""
    folder: str
    prediction: Prediction | None
    """`None` for a labelled picture."""


def sorted_pictures(
    contents: Contents, predictions: Mapping[str, Prediction], threshold: float
) -> list[SortedPicture]:
    """Every picture with a label or a prediction: the pictures of each class, then of the tray.

    A prediction with a probability below the threshold goes to the pile `UNSURE`; the prediction
    for an unfamiliar picture to the pile `NONE_OF_THESE`, as does a picture that is labelled so.
    Other labels stay as they are. With several labels there is a row for each class of a picture,
    and no pile `UNSURE`.
    """
    pictures = []
    names = contents.class_names
    taken = {_key(name) for name in names.values()}
    unsure, none_of_these = _free(UNSURE, taken), _free(NONE_OF_THESE, taken)
    folders = folder_names([*names.values(), unsure, none_of_these])
    piles_of = {NONE: none_of_these, UNSURE: unsure} | names
    for label, pile in contents.piles().items():
        for key in pile:
            name, prediction = contents.pictures[key].name, predictions.get(key)
            if label is not None:
                answers, prediction = [label], None
            elif prediction is None or prediction.label not in contents.classes:
                continue
            elif prediction.unfamiliar:
                answers = [NONE]
            elif prediction.labels is None and prediction.probability < threshold:
                answers = [UNSURE]
            else:
                answers = [*(prediction.labels or (prediction.label,))]
            for one in answers:
                if (answer := piles_of.get(one)) is not None:
                    pictures.append(
                        SortedPicture(key, name, one, answer, folders[answer], prediction)
                    )
    return pictures


def prediction_table(pictures: list[SortedPicture], contents: Contents) -> bytes:
    """The columns of `metaadapter predict --out`, and `labelled`, with one row per picture.

    Several classes of a picture stand in one cell. With boxes there are also columns for boxes and
    times. Spreadsheets take no name in it for a formula.
    """
    has_boxes = any(contents.pictures[picture.id].crop for picture in pictures)
    columns = (*FACTS, *((*OF_BOXES, *OF_TIMES[:1]) if has_boxes else ()), LABELLED)
    answers = defaultdict[str, list[str]](list)
    for picture in pictures:
        answers[picture.id].append(picture.answer)
    rows, names = list[Row](), contents.class_names
    for picture in {picture.id: picture for picture in pictures}.values():
        entry, prediction = contents.pictures[picture.id], picture.prediction
        cells = {"unfamiliar": entry.labels == (NONE,), "source": "person", LABELLED.name: True}
        if prediction is not None:
            runner_up = names.get(prediction.runner_up)
            cells = prediction._asdict() | {"runner_up": runner_up, "source": "adapter"}
        if entry.crop is not None:
            cells |= zip(SIDES, entry.crop.sides, strict=True)
            cells |= {"detected": entry.crop.category, "confidence": entry.crop.confidence}
        cells |= {"path": picture.name, "label": label_cell(answers[picture.id])}
        cells |= {STATUS: DONE, SHA256: picture.id, "time": entry.time}
        rows.append([cells.get(column.name) for column in columns])
    return csv_table(columns, rows)


def label_manifest(contents: Contents) -> bytes:
    """A manifest of the labelled pictures, under the names with which they were added.

    It is refused if two pictures have one name: both would get the labels of both.
    """
    labelled = [entry for _, entry in contents.ordered_pictures if entry.labels]
    name, n = max(
        Counter(entry.name for entry in labelled).items(), key=itemgetter(1), default=("", 0)
    )
    if n > 1:
        raise Refusal(
            409,
            "same-name",
            f"{n} labelled pictures are named {name!r}, so a table cannot tell them apart. "
            "Download the pictures in folders instead.",
            n=n,
            name=name,
        )
    names = contents.class_names
    rows = [(entry.name, _label_cell(entry, names)) for entry in labelled]
    return csv_table(FACTS[:2], rows)


def _label_cell(entry: PictureEntry, names: dict[str, str]) -> str:
    """The labels of a picture in one cell; `names` are those of the classes by their ids."""
    return label_cell(names[label] for label in entry.labels if label != NONE)


def picture_files(
    pictures: list[SortedPicture], read: Callable[[str], bytes]
) -> Iterator[tuple[str, bytes]]:
    """Yield the paths and contents of pictures in folders named by class.

    `read` returns the content of a picture. A picture that cannot be read is left out, and a text
    file at the end says so.
    """
    left_out: list[str] = []
    taken = {_key(picture.folder) for picture in pictures}
    for picture in pictures:
        try:
            content = read(picture.id)
        except UnreadableImage as error:
            left_out.append(f"{picture.answer}: {picture.name}: {error.reason}\n")
            continue
        file = folder_name(picture.name.split("/")[-1])
        yield _free(f"{picture.folder}/{file}", taken), content
    if left_out:
        text = "".join(["These pictures are left out:\n", *left_out])
        yield _free(LEFT_OUT_FILE, taken), text.encode()


def contact_sheet(
    pictures: list[SortedPicture], thumbnail: Callable[[str], bytes], **facts: object
) -> Iterator[bytes]:
    """Yield, in pieces, an HTML file of the pictures by class, to print.

    `thumbnail` returns that of a picture, a JPEG file. The template names the facts.
    """

    def jpeg(picture: SortedPicture) -> str:
        try:
            return b64encode(thumbnail(picture.id)).decode()
        except UnreadableImage:
            return ""

    loader = PackageLoader("metaadapter.apps.page", "static")
    template = Environment(loader=loader, autoescape=True).get_template("contact_sheet.html.jinja")
    sheet = template.stream(pictures=pictures, jpeg=jpeg, date=date.today(), **facts)
    sheet.enable_buffering(PIECES_AT_ONCE)
    return (piece.encode(errors="replace") for piece in sheet)


def folder_names(answers: Iterable[str]) -> dict[str, str]:
    """A folder name for each answer; they differ on every system, also where case is ignored."""
    taken: set[str] = set()
    # An answer that is a folder name already keeps it.
    own = sorted(answers, key=lambda answer: folder_name(answer) != answer)
    return {answer: _free(folder_name(answer), taken) for answer in own}


def folder_name(answer: str) -> str:
    """The name of a class as a folder name that every system allows."""
    plain = "".join("_" if letter in NOT_IN_FOLDER_NAMES else letter for letter in answer)
    return plain.strip(" .") or "_"


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number before its ending if it is taken; it is taken from then on."""
    folder, slash, file = name.rpartition("/")
    stem, dot, suffix = file.rpartition(".")
    free, number = name, 1
    while _key(free) in taken:
        number += 1
        numbered = f"{stem} ({number}){dot}{suffix}" if stem else f"{file} ({number})"
        free = f"{folder}{slash}{numbered}"
    taken.add(_key(free))
    return free


def _key(name: str) -> str:
    """A value that is equal for names that some system takes for the same."""
    return unicodedata.normalize("NFC", name).casefold()
