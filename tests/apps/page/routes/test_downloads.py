"""Downloads with any names: a table, a zip file, and a contact sheet."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from pathlib import Path

import pytest

from metaadapter.apps.page.changes import add_classes, add_pictures
from metaadapter.apps.page.contents import Contents, Edit
from metaadapter.apps.page.entries import NONE, ClassEntry
from metaadapter.apps.page.routes.downloads import (
    contact_sheet,
    picture_files,
    prediction_table,
    sorted_pictures,
)
from metaadapter.apps.page.server import FILES
from metaadapter.data.inputs import UnreadableImage
from metaadapter.files.stored_zip import zip_pieces
from metaadapter.files.strict_json import parse_json
from metaadapter.workflow.prediction.prediction_rows import RowFormat
from metaadapter.workflow.prediction.predictions import Prediction
from tests.apps.page.conftest import entries_of

NAMES = {
    "1": "a.jpg",
    "2": "in/a.jpg",
    "3": "it's $(touch hacked) `x`.jpg",
    "4": "-rf.jpg",
    "5": "=1+1.jpg",
    "6": "nowhere.jpg",
    "7": "car.jpg",
}


@pytest.fixture
def contents():
    contents = Contents()
    classes = add_classes(contents, {"f": "red fox", "c": 'a/b: "c"'})
    contents.make(Edit("", classes))
    pictures = add_pictures(contents, entries_of(NAMES), {"1": ("f",), "2": ("f",), "7": (NONE,)})
    contents.make(Edit("", pictures))
    return contents


def predicted(label, probability, runner_up, runner_up_probability, known, *, unfamiliar):
    row = (label, probability, runner_up, runner_up_probability)
    return Prediction("", *row, False, {}, known=known, unfamiliar=unfamiliar)


@pytest.fixture
def pictures(contents):
    answers = {
        "3": predicted("c", 0.9, "f", 0.1, 0.8, unfamiliar=False),
        "4": predicted("c", 0.4, "f", 0.3, 0.8, unfamiliar=False),
        "5": predicted("f", 0.95, "c", 0.05, 0.1, unfamiliar=True),
        "6": predicted("f", 0.95, "c", 0.05, None, unfamiliar=False),
    }
    return sorted_pictures(contents, answers, 0.5)


def test_sorted__labels_come_first_and_unsure_ones_are_marked(pictures):
    assert [(picture.id, picture.answer) for picture in pictures] == [
        ("1", "red fox"),
        ("2", "red fox"),
        ("7", "none of these"),
        ("3", 'a/b: "c"'),
        ("4", "unsure"),
        ("5", "none of these"),
        ("6", "red fox"),
    ]


def test_table__has_the_columns_of_predict_and_holds_no_formula(pictures, contents):
    rows = list(csv.DictReader(io.StringIO(prediction_table(pictures, contents).decode())))

    assert [*rows[0]] == [*RowFormat(()).names, "labelled"]
    assert [row["path"] for row in rows][5] == "'=1+1.jpg"
    assert [row["label"] for row in rows][2:5] == ["none of these", 'a/b: "c"', "unsure"]
    assert [row["probability"] for row in rows][2:5] == ["", "0.9", "0.4"]
    assert rows[3]["runner_up"] == "red fox"
    assert [row["labelled"] for row in rows] == ["yes", "yes", "yes", "", "", "", ""]
    assert [row["unfamiliar"] for row in rows] == ["", "", "yes", "", "", "yes", ""]


def test_zip__has_every_picture_once_and_never_two_of_a_name(pictures, tmp_path):
    files = {}
    for picture in NAMES:
        files[picture] = tmp_path / picture
        files[picture].write_bytes(picture.encode() * 1000)

    pieces = zip_pieces(picture_files(pictures, lambda one: files[one].read_bytes()))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))

    assert archive.testzip() is None
    assert archive.namelist()[:2] == ["red fox/a.jpg", "red fox/a (2).jpg"]
    contents = sorted(archive.read(name) for name in archive.namelist())
    assert contents == sorted(path.read_bytes() for path in files.values())


ALIKE = ("a:b", "a_b", "hat", "hat.", "Hat", "unsure", "none of these", "h\u00e9", "he\u0301")


@pytest.fixture
def alike():
    """A labelled picture in each of some classes of similar names, and one in each pile."""
    contents = Contents()
    for number, name in enumerate(ALIKE):
        contents.classes[f"c{number}"] = ClassEntry(name=name, place=number)
    labels = {f"{number}": (f"c{number}",) for number in range(len(ALIKE))}
    names = {key: f"{key}.jpg" for key in [*labels, "d", "e"]}
    contents.make(Edit("", add_pictures(contents, entries_of(names), labels)))
    answers = {
        "d": predicted("c0", 0.4, "c1", 0.3, 0.8, unfamiliar=False),
        "e": predicted("c0", 0.9, "c1", 0.1, 0.1, unfamiliar=True),
    }
    return sorted_pictures(contents, answers, 0.5)


def test_folders__of_similar_names__are_as_many_as_the_names_on_every_system(alike):
    folders = {picture.id: picture.folder for picture in alike}
    plain = [unicodedata.normalize("NFC", folder).casefold() for folder in folders.values()]

    assert len(set(plain)) == len(ALIKE) + 2
    assert (folders["0"], folders["1"]) == ("a_b (2)", "a_b")
    assert (folders["2"], folders["3"]) == ("hat", "hat (3)")
    assert (folders["5"], folders["d"]) == ("unsure", "unsure (2)")
    assert len({picture.answer for picture in alike}) == len(ALIKE) + 2
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zip_pieces(picture_files(alike, str.encode)))))
    assert {name: archive.read(name).decode() for name in archive.namelist()} == {
        f"{folder}/{picture}.jpg": picture for picture, folder in folders.items()
    }


def test_contact_sheet__has_the_piles_in_order_and_reads_each_thumbnail_when_it_is_due(
    pictures, contents
):
    read = []

    def thumbnail(picture):
        read.append(picture)
        if picture == "2":
            raise UnreadableImage(Path(picture), "it is gone")
        return b"\xff\xd8" * 50_000

    words = parse_json(FILES["words.en.json"].read_bytes())["words"]
    facts = {"project": "<b>", "minimum": 0.5, "language": "en", "names": contents.class_names}
    pieces = contact_sheet(pictures * 50, thumbnail, words=words, **facts)
    first = next(pieces)
    n_at_first = len(read)
    sheet = b"".join([first, *pieces]).decode()

    assert n_at_first < 20
    assert len(read) == 50 * len(pictures)
    assert re.findall(r"<h2><b>(.*) <span>(\d+)", sheet) == [
        ("red fox", "150"),
        ("a/b: &#34;c&#34;", "50"),
        ("Unsure", "50"),
        ("None of these", "100"),
    ]
    assert "<b>✓</b> in/a.jpg" in sheet
    assert sheet.count("Not readable") == 50
    assert "<b>90&nbsp;%</b> it&#39;s $(touch hacked) `x`.jpg" in sheet
    assert "<b>a/b: &#34;c&#34; 40&nbsp;%</b> -rf.jpg" in sheet
    assert "<b></b> =1+1.jpg" in sheet
