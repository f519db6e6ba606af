from __future__ import annotations

import pytest

from metaadapter.commands.class_names import class_names
from metaadapter.errors import UsageError


def test_class_names__labels__are_their_own_names():
    assert class_names(["red_fox"], texts=[], added=[]) == {"red_fox": "red_fox"}


def test_class_names__text__may_hold_an_equals_sign():
    names = class_names(["energy"], texts=["energy=the formula E = mc²"], added=[])

    assert names == {"energy": "the formula E = mc²"}


def test_class_names__added_class_without_a_name__is_its_own_name():
    assert class_names(["lynx"], texts=[], added=["grey_wolf"])["grey_wolf"] == "grey_wolf"


@pytest.mark.parametrize("text", ["", "=", "=fox", "lynx=", "lynx"])
def test_class_names__half_a_text__shows_how_it_is_written(text):
    with pytest.raises(UsageError, match='--text expects LABEL=NAME, for example --text fox="red'):
        class_names(["lynx"], texts=[text], added=[])


def test_class_names__text_far_from_any_label__lists_ten_at_most():
    labels = [f"species {number}" for number in range(12)]

    with pytest.raises(UsageError, match=r"'species 9' and 2 more$"):
        class_names(labels, texts=["qqq=fox"], added=[])
