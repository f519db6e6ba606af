from __future__ import annotations

import pytest

from metaadapter.task.support_check import check_support, says_nothing


@pytest.mark.parametrize(
    "name", ["3", "0007", "class1", "Class 07", "category_b2"[:8], "New folder (2)", "label-4", ""]
)
def test_says_nothing__number_or_placeholder__is_recognised(name):
    assert says_nothing(name)


@pytest.mark.parametrize("name", ["cat", "lynx", "class mammal", "grouper", "b52 bomber", "狐"])
def test_says_nothing__name_of_a_thing__is_let_through(name):
    assert not says_nothing(name)


def test_check_support__ten_times_as_many_pictures_of_one_class__is_pointed_out():
    (warning,) = check_support({"heron": 1, "lynx": 10}, {"heron": "heron", "lynx": "lynx"})

    assert warning.startswith("'heron' has 1 picture(s) beside 10 of 'lynx'")


def test_check_support__names_that_say_nothing__are_no_matter_where_names_are_not_used():
    assert check_support({"1": 2, "2": 2}, {}) == ()
    assert len(check_support({"1": 2, "2": 2}, {"1": "1", "2": "2"})) == 1
