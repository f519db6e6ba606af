from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from metaadapter.features.store.picture_facts import PictureFacts, contradictions, equal_pictures


def make_picture(path: str, label: str, sha256: str) -> PictureFacts:
    return PictureFacts(path, label, "", "", sha256)


def test_equal_pictures__groups__are_sorted_by_path_and_leave_out_single_ones():
    pictures = [
        make_picture("c", "fox", "1"),
        make_picture("b", "owl", "2"),
        make_picture("a", "fox", "1"),
    ]

    assert equal_pictures(pictures) == ((pictures[2], pictures[0]),)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"))))
def test_contradictions__any_pictures__agree_with_comparing_every_pair(facts):
    pictures = [make_picture(str(number), *item) for number, item in enumerate(facts)]

    contradicted = {
        content
        for (label, content), (other, same) in itertools.product(facts, facts)
        if content == same and label != other
    }
    assert len(contradictions(equal_pictures(pictures))) == len(contradicted)
