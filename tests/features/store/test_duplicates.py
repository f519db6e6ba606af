from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from metaadapter.features.store.duplicates import contradictions, equal_pictures
from metaadapter.features.store.row_table import StoredPicture


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
