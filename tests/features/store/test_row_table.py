from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.errors import DataError
from metaadapter.features.store.row_table import StoredPicture, StoreRows, write_rows

names = st.text(st.characters(codec="utf-8"))


@given(st.lists(st.tuples(names, names, names, names, names), max_size=5))
def test_rows__any_text__comes_back_from_the_table(tmp_path_factory, entries):
    pictures = [StoredPicture(*entry) for entry in entries]
    path = tmp_path_factory.mktemp("rows") / "rows.csv"

    with path.open("wb") as file:
        write_rows(file, pictures, n_views=2)
    rows = StoreRows.read(path)

    assert rows.pictures() == pictures
    assert rows.view.tolist() == [0, 1] * len(pictures)


def test_rows__file_name_of_undecodable_bytes__comes_back(tmp_path):
    picture = StoredPicture(b"caf\xe9.jpg".decode(errors="surrogateescape"), "", "", "", "0")

    with (tmp_path / "rows.csv").open("wb") as file:
        write_rows(file, [picture], n_views=1)

    assert StoreRows.read(tmp_path / "rows.csv").pictures() == [picture]


def test_rows__other_columns__names_the_right_ones(tmp_path):
    (tmp_path / "rows.csv").write_text("path,label\na.jpg,heron\n")

    with pytest.raises(DataError, match=r"columns picture, view, path, label, split, group, sha25"):
        StoreRows.read(tmp_path / "rows.csv")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0,0,a.jpg,heron", "row 2 has 4 entries"),
        ("first,0,a.jpg,heron,,,00", "invalid literal"),
        (f"0,0,{'a' * 200_000},heron,,,00", "field larger than field limit"),
    ],
)
def test_rows__broken_line__says_what_is_wrong_and_what_to_do(tmp_path, line, reason):
    head = "picture,view,path,label,split,group,sha256"
    (tmp_path / "rows.csv").write_text(f"{head}\n{line}\n")

    with pytest.raises(DataError, match=rf"{reason}.*restore it from a copy, or run the same"):
        StoreRows.read(tmp_path / "rows.csv")
