from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.errors import DataError
from metaadapter.features.store.checked_file import CheckedFile, chunk_length
from metaadapter.features.store.row_table import StoredPicture, StoreRows, write_rows

names = st.text(st.characters(codec="utf-8"))
hashes = names | st.binary(min_size=32, max_size=32).map(bytes.hex)


def opened(content, path, n_pictures, n_views=1):
    """The table in these bytes, with the hashes that they have now."""
    array = np.frombuffer(content, np.uint8)
    length = chunk_length(1)
    parts = [content[start : start + length] for start in range(0, len(content), length)]
    hashes = [np.frombuffer(hashlib.sha256(part).digest(), np.uint8) for part in parts]
    file = CheckedFile(path, array, np.array(hashes), "restore it")
    return StoreRows.open(file, path, n_pictures, n_views)


def written(pictures):
    """The bytes of a table."""
    with tempfile.TemporaryFile() as file:
        write_rows(file, pictures)
        file.seek(0)
        return file.read()


@given(st.lists(st.tuples(names, names, names, names, hashes), max_size=5), st.data())
def test_rows__any_text__comes_back_from_the_table(tmp_path_factory, entries, data):
    pictures = [StoredPicture(*entry) for entry in entries]

    rows = opened(written(pictures), tmp_path_factory.getbasetemp(), len(pictures), n_views=2)

    assert rows.pictures() == pictures
    assert rows.view.tolist() == [0, 1] * len(pictures)
    assert rows.label.tolist() == [picture.label for picture in pictures for _ in range(2)]
    chosen = data.draw(st.lists(st.sampled_from(range(len(entries))))) if entries else []
    assert rows.pictures(np.array(chosen, dtype=int)) == [pictures[number] for number in chosen]
    numbers, labels = rows.numbers("label")
    assert [[*labels, ""][number] for number in numbers] == [picture.label for picture in pictures]
    assert labels == tuple(sorted({picture.label for picture in pictures} - {""}))


def test_rows__hashes__take_32_bytes_each():
    pictures = [StoredPicture("a.jpg", "", "", "", f"{number:064x}") for number in range(1000)]

    assert len(written(pictures)) < 1000 * (4 * 3 + len("a.jpg") + 8 + 32) + 4000


def test_rows__file_name_of_undecodable_bytes__comes_back(tmp_path):
    picture = StoredPicture(b"caf\xe9.jpg".decode(errors="surrogateescape"), "", "", "", "0")

    assert opened(written([picture]), tmp_path, 1).pictures() == [picture]


@pytest.mark.parametrize("n_pictures", [0, 3])
def test_rows__another_number_of_pictures__is_refused(tmp_path, n_pictures):
    content = written([StoredPicture("a.jpg", "", "", "", "0")] * 2)

    with pytest.raises(DataError, match=f"store.json says {n_pictures} pictures, but it has .*2"):
        opened(content, tmp_path, n_pictures)


def test_rows__other_columns__names_the_right_ones(tmp_path):
    np.savez(file := io.BytesIO(), sha256=np.zeros((3, 32), np.uint8))

    with pytest.raises(DataError, match=r"columns path, label, split, group, sha256.*are sha256"):
        opened(file.getvalue(), tmp_path, 3)


def test_rows__no_table__is_refused_and_never_unpickled(tmp_path):
    np.savez(file := io.BytesIO(), path=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="holds objects"):
        opened(file.getvalue(), tmp_path, 1)
    with pytest.raises(DataError, match="no zip file of arrays"):
        opened(b"picture,view", tmp_path, 1)
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr("path.npy", b"no array")
    with pytest.raises(DataError, match="restore it"):
        opened(file.getvalue(), tmp_path, 1)
