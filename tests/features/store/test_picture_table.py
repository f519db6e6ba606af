from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.features.store.picture_facts import PictureFacts
from metaadapter.features.store.picture_table import PictureTable, table_of, write_table
from metaadapter.files.checksums import Proof, file_hash

# Names of files and folders may be bytes that are no UTF-8.
names = st.text() | st.binary().map(lambda name: name.decode(errors="surrogateescape"))
names = names.filter(lambda name: not any("\ud800" <= letter < "\udc80" for letter in name))
names = names.filter(lambda name: not any("\udcff" < letter <= "\udfff" for letter in name))
hashes = st.text(st.characters(codec="utf-8"))


def written(pictures):
    """The table of pictures, from a file that is gone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pictures.arrow")
        with path.open("wb") as file:
            write_table(file, table_of(pictures))
        proof = Proof(Path(folder, "store.json"), {path.name: file_hash(path)}, "restore it")
        return PictureTable(proof, path.name, len(pictures))


@given(st.lists(st.tuples(names, names, names, names, hashes), max_size=5), st.data())
def test_pictures__any_text__comes_back_from_the_table(entries, data):
    pictures = [PictureFacts(*entry) for entry in entries]

    rows = written(pictures)

    assert rows.pictures() == pictures
    assert rows.of_pictures("label").tolist() == [picture.label for picture in pictures]
    chosen = data.draw(st.lists(st.sampled_from(range(len(entries))))) if entries else []
    assert rows.pictures(np.array(chosen, dtype=int)) == [pictures[number] for number in chosen]
    assert rows.pictures(slice(1, 3)) == pictures[1:3]
    numbers, labels = rows.numbers("label")
    assert [[*labels, ""][number] for number in numbers] == [picture.label for picture in pictures]
    assert labels == tuple(sorted({picture.label for picture in pictures} - {""}))
