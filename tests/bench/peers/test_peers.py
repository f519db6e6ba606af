"""Properties of every peer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import logits_of

pytestmark = pytest.mark.usefixtures("few_steps")


def padded(tasks, n_way, n_shot):
    """Tasks of one each, of unlike sizes, as one batch whose padding is rubbish."""

    def widened(name, *shape, fill):
        wide = torch.full((len(tasks), *shape), fill, dtype=getattr(tasks[0], name).dtype)
        for row, task in zip(wide, tasks, strict=True):
            (part,) = getattr(task, name)
            row[tuple(map(slice, part.shape))] = part
        return wide

    width = tasks[0].text_TND.shape[-1]
    return Support(
        widened("support_TNKD", n_way, n_shot, width, fill=3.0),
        widened("support_mask_TNK", n_way, n_shot, fill=False),
        widened("text_TND", n_way, width, fill=0.0),
        widened("class_mask_TN", n_way, fill=False),
        torch.cat([task.logit_scale_T for task in tasks]),
    )


def test_peer__batch_of_unlike_tasks__equals_one_by_one(peer, make_support, query):
    tasks = [make_support((3, 1, 2), seed=1), make_support((2, 2), seed=2), make_support((0, 1))]

    result = logits_of(peer(padded(tasks, n_way=4, n_shot=5)), query.expand(len(tasks), -1, -1))

    for task, together in zip(tasks, result, strict=True):
        alone = logits_of(peer(task), query)[0]
        n_way = alone.shape[1]
        torch.testing.assert_close(together[:, :n_way], alone)
        assert together[:, n_way:].eq(-torch.inf).all()


def test_peer__pictures_of_a_class_that_is_not_there__do_not_matter(peer, make_support, query):
    support = make_support((3, 1, 2))
    masked = torch.tensor([[True, True, False]])
    everything = replace(support, class_mask_TN=masked)
    nothing = everything.kept(masked[..., None])

    torch.testing.assert_close(logits_of(peer(everything), query), logits_of(peer(nothing), query))


def test_peer__text_of_a_class_that_is_not_there__does_not_matter(peer, make_support, query):
    support, other = make_support((3, 1, 2)), make_support((3, 1, 2))
    for part in (support, other):
        part.class_mask_TN[:, 2] = False
        part.text_TND[:, :2] = part.text_TND[:, :2].flip(1)  # misleading, so that training goes on
    other.text_TND[:, 2] = 3 * support.text_TND[:, 0]

    torch.testing.assert_close(logits_of(peer(other), query), logits_of(peer(support), query))


@settings(max_examples=1)
@given(order=st.permutations(range(4)), seed=st.integers(0, 100))
def test_peer__classes_in_another_order__logits_follow(peer, make_support, order, seed):
    support = make_support((3, 1, 2, 0), seed=seed)
    permuted = replace(
        support,
        support_TNKD=support.support_TNKD[:, order],
        support_mask_TNK=support.support_mask_TNK[:, order],
        text_TND=support.text_TND[:, order],
    )
    query = support.support_TNKD[:, 0]

    torch.testing.assert_close(
        logits_of(peer(permuted), query),
        logits_of(peer(support), query)[..., order],
        rtol=1e-6,
        atol=1e-6,
    )


@settings(max_examples=1)
@given(orders=st.tuples(*[st.permutations(range(3))] * 3), seed=st.integers(0, 100))
def test_peer__shots_in_another_order__logits_stay(peer, make_support, orders, seed):
    support = make_support((3, 1, 2), seed=seed)
    order = torch.tensor(orders)[None]
    permuted = replace(
        support,
        support_TNKD=support.support_TNKD.take_along_dim(order[..., None], dim=2),
        support_mask_TNK=support.support_mask_TNK.take_along_dim(order, dim=2),
    )
    query = support.support_TNKD[:, :, 0]

    # A solver's last steps depend on the order of its sums.
    torch.testing.assert_close(
        logits_of(peer(permuted), query), logits_of(peer(support), query), rtol=1e-6, atol=1e-6
    )


def no_picture_and_no_text(make_support):
    support = make_support((2, 0, 0))
    support.text_TND[0, [0, 2]] = 0
    return support


def no_picture(make_support, n_places):
    support = make_support((1, 1))
    return replace(
        support,
        support_TNKD=support.support_TNKD[:, :, :n_places],
        support_mask_TNK=torch.zeros_like(support.support_mask_TNK[:, :, :n_places]),
    )


@pytest.mark.parametrize(
    "make",
    [no_picture_and_no_text, partial(no_picture, n_places=1)],
    ids=["no picture and no text", "no picture"],
)
def test_peer__hardly_a_support__gives_finite_logits(peer, make_support, query, make):
    assert logits_of(peer(make(make_support)), query).isfinite().all()


def test_peer__gradients_recorded__leaves_none(peer, make_support, query):
    with torch.inference_mode(False), torch.enable_grad():
        logits = logits_of(peer(make_support((2, 1))), query)

    assert not logits.requires_grad
