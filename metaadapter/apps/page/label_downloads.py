"""The tables to download from a project in which a picture can show several classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.entries import NONE, PictureEntry
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.session import Session
from metaadapter.apps.page.snapshot import Snapshot
from metaadapter.data.input_status import DONE
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.label_sets import LabelCell
from metaadapter.data.plain_text import csv_bytes
from metaadapter.data.table_file import ROWS_AT_ONCE, Row, csv_table
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.store.picture_table import StoredPicture
from metaadapter.workflow.prediction_rows import SHA256, STATUS, RowFormat
from metaadapter.workflow.predictions import predict_pictures


def label_table(session: Session) -> bytes:
    """The table of `metaadapter predict`, with the labels of people in place of predictions.

    Labelled pictures come first, and have no probabilities.
    """
    stored = session.wait_for_results().stored
    assert stored is not None
    snapshot = session.snapshot()
    table = RowFormat([str(name) for name in stored.config.classes])

    def rows() -> Iterator[Row]:
        for picture, entry in snapshot.pictures.items():
            if entry.labels:
                yield _labelled(table, snapshot, picture)
        tray = snapshot.tray
        for start in range(0, len(tray), ROWS_AT_ONCE):
            pictures = _encoded(snapshot, tray[start : start + ROWS_AT_ONCE])
            yield from map(table.row, predict_pictures(stored, pictures))
        for name, reason in session.read(unreadable):
            yield table.row(UnreadableImage(Path(name), reason))

    def unreadable(contents: Contents) -> list[tuple[str, str]]:
        reasons = session.unreadable.items()
        return [
            (contents.pictures[key].name, why) for key, why in reasons if key in contents.pictures
        ]

    return csv_table(table.columns, rows())


def label_manifest(contents: Contents) -> bytes:
    """A manifest of the labelled pictures, under the names with which they were added."""
    labelled = [entry for entry in contents.pictures.values() if entry.labels]
    labelled.sort(key=lambda entry: entry.place)
    names = {label: entry.name for label, entry in contents.classes.items()}
    rows = [(entry.name, label_cell(entry, names)) for entry in labelled]
    return csv_bytes([("path", "label"), *rows])


def require_own_names(contents: Contents) -> None:
    """Refuse a manifest in which two pictures have one name: both would get the labels of both."""
    names = Counter(entry.name for entry in contents.pictures.values() if entry.labels)
    name, n = max(names.items(), key=itemgetter(1), default=("", 0))
    if n > 1:
        raise Refusal(
            409,
            "same-name",
            f"{n} labelled pictures are named {name!r}, so a table cannot tell them apart. "
            "Download the pictures in folders instead.",
            n=n,
            name=name,
        )


def label_cell(entry: PictureEntry, names: dict[str, str]) -> str:
    """The labels of a picture in one cell; `names` are those of the classes by their ids."""
    return LabelCell(frozenset(names[label] for label in entry.labels if label != NONE)).text


def _labelled(rows: RowFormat, snapshot: Snapshot, picture: str) -> Row:
    entry = snapshot.pictures[picture]
    names = {label: of_class.name for label, of_class in snapshot.classes.items()}
    cells = {
        "path": entry.name,
        "label": label_cell(entry, names),
        STATUS: DONE,
        SHA256: snapshot.encoded[picture].sha256,
    }
    return [cells.get(column) for column in rows.names]


def _encoded(snapshot: Snapshot, pictures: list[str]) -> EncodedPictures:
    stored = (
        StoredPicture(snapshot.pictures[key].name, "", "", "", snapshot.encoded[key].sha256)
        for key in pictures
    )
    return EncodedPictures(tuple(stored), snapshot.rows(pictures))
