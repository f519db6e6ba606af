from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from metaadapter.data.crop import Box
from metaadapter.data.inputs import UnreadableImage, inputs_digest, listing_digest
from metaadapter.data.packed import Packed
from metaadapter.data.table import ImageRow
from metaadapter.errors import DataError


def test_unreadable_image__is_a_data_error_that_names_file_and_reason_and_can_be_pickled():
    error = UnreadableImage(Path("fox/1.jpg"), "the file is empty")
    copy = pickle.loads(pickle.dumps(error))

    assert isinstance(error, DataError)
    assert str(error) == f"cannot read {Path('fox/1.jpg')}: the file is empty"
    assert (copy.path, copy.reason, str(copy)) == (error.path, error.reason, str(error))


@pytest.fixture(params=["file", "member"])
def row(request, tmp_path) -> ImageRow:
    file = tmp_path / "a.tar"
    file.write_bytes(b"content")
    if request.param == "file":
        return ImageRow(file, "fox")
    return ImageRow(file / "1.png", "fox", packed=Packed(file / "1.png", file, 512, 9))


def listed_otherwise(row: ImageRow) -> list[ImageRow]:
    return [
        replace(row, label="lynx"),
        replace(row, split="test"),
        replace(row, group="burst"),
        replace(row, box=Box(0, 0, 1, 0.5)),
        replace(row, path=Path("other.png")),
    ]


def test_inputs_digest__anything_that_a_feature_depends_on__changes_it(row):
    file = row.packed.container if row.packed else row.path
    before = inputs_digest([row])
    others = listed_otherwise(row)
    if row.packed:
        others += [replace(row, packed=row.packed._replace(start=1024))]
    else:
        others += [replace(row, packed=Packed(row.path, file, 0, 7))]

    assert inputs_digest([row]) == before
    assert len({before, *(inputs_digest([other]) for other in others)}) == len(others) + 1
    for change in (lambda: os.utime(file, (1, 1)), lambda: file.write_bytes(b"x"), file.unlink):
        change()
        assert inputs_digest([row]) != before


def test_listing_digest__of_other_facts__differs_and_of_other_files_not(row):
    others = listed_otherwise(row)
    before = listing_digest([row])

    assert len({before, *(listing_digest([other]) for other in others)}) == len(others) + 1
    assert listing_digest([row, others[0]]) != listing_digest([others[0], row])
    (row.packed.container if row.packed else row.path).write_bytes(b"another content")
    assert listing_digest([row]) == before
