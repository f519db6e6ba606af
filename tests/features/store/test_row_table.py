from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.errors import DataError
from metaadapter.features.store.row_table import (
    StoredPicture,
    StoreRows,
    contradictions,
    equal_pictures,
    write_rows,
)

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


def make_picture(path: str, label: str, sha256: str) -> StoredPicture:
    return StoredPicture(path, label, "", "", sha256)


def test_equal_pictures__groups__are_sorted_by_path_and_leave_out_single_ones():
    pictures = [
        make_picture("c", "fox", "1"),
        make_picture("b", "owl", "2"),
        make_picture("a", "fox", "1"),
    ]

    assert equal_pictures(pictures) == ((pictures[2], pictures[0]),)


def test_contradictions__same_picture_in_two_classes__names_a_file_of_each():
    group = [
        make_picture("a", "lynx", "1"),
        make_picture("b", "fox", "1"),
        make_picture("c", "fox", "1"),
    ]

    assert contradictions([group]) == (
        "the same picture is in 'fox' (b) and 'lynx' (a); remove it from the wrong class",
    )


def test_contradictions__pictures_without_a_label__say_nothing():
    assert contradictions([[make_picture("a", "", "1"), make_picture("b", "fox", "1")]]) == ()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"))))
def test_contradictions__any_pictures__agree_with_comparing_every_pair(facts):
    pictures = [make_picture(str(number), *item) for number, item in enumerate(facts)]

    contradicted = {
        content
        for (label, content), (other, same) in itertools.product(facts, facts)
        if content == same and label != other
    }
    assert len(contradictions(equal_pictures(pictures))) == len(contradicted)
