from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from episodes.sampler import divide_pictures


def shares_of(wanted, n_query, pools, *, one_pool, twins):
    shares = divide_pictures(
        torch.tensor([[wanted]]),
        n_query,
        torch.tensor([[pools[0]]]),
        torch.tensor([[pools[1]]]),
        torch.tensor([[one_pool]]),
        twins=twins,
    )
    return tuple(int(part) for part in shares)


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        (30, (5, 5, 10)),
        (20, (5, 5, 10)),
        (19, (4, 4, 10)),  # shots give way first
        (12, (1, 1, 10)),
        (11, (1, 1, 9)),  # then queries
        (3, (1, 1, 1)),
        (2, (1, 0, 1)),  # no twin can be had
        (0, (0, 0, 0)),
    ],
)
def test_divide_pictures__ever_fewer_pictures__shots_give_way_then_queries_then_the_twin(
    pictures, expected
):
    assert shares_of(5, 10, (pictures, pictures), one_pool=True, twins=True) == expected


@pytest.mark.parametrize(
    ("pools", "expected"),
    [
        ((9, 15), (5, 5, 10)),
        ((3, 15), (3, 3, 10)),  # the support's domain is small
        ((9, 12), (2, 2, 10)),  # the twin's is
        ((9, 2), (1, 1, 1)),
        ((9, 1), (5, 0, 1)),
        ((1, 1), (1, 0, 1)),
    ],
)
def test_divide_pictures__two_domains__twin_and_queries_share_the_second(pools, expected):
    assert shares_of(5, 10, pools, one_pool=False, twins=True) == expected


@given(
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(1, 60),
    st.integers(1, 60),
    st.booleans(),
    st.booleans(),
)
def test_divide_pictures__any_pools__hands_out_no_picture_twice(
    wanted, n_query, first, second, one_pool, twins
):
    pools = (first + 1, first + 1) if one_pool else (first, second)

    support, twin, query = shares_of(wanted, n_query, pools, one_pool=one_pool, twins=twins)

    assert 1 <= support <= min(wanted, pools[0])
    assert 1 <= query <= n_query
    assert twin in ({0, support} if twins else {0})
    assert twin + query + support * one_pool <= pools[1]
