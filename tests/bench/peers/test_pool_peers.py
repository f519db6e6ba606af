"""Further properties of every peer that reads a pool."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import POOL_PEERS

every_peer = pytest.mark.parametrize("peer", POOL_PEERS.values(), ids=POOL_PEERS)


@pytest.fixture(scope="session")
def pooled(make_support, add_pool):
    def make(shots, n_pool=11, seed=0):
        return add_pool(make_support(shots, seed=seed), n_pool, seed=seed + 50)

    return make


@every_peer
@settings(max_examples=3)
@given(order=st.permutations(range(11)), seed=st.integers(0, 100))
def test_pool_peer__pool_in_another_order__logits_stay(peer, pooled, order, seed):
    support = pooled((3, 1, 2), seed=seed)
    permuted = replace(support, pool_TUD=support.pool_TUD[:, order])
    query = support.support_TNKD[:, 0]

    torch.testing.assert_close(
        logits_of(peer(permuted), query), logits_of(peer(support), query), rtol=1e-6, atol=1e-6
    )


@every_peer
def test_pool_peer__batch_of_unlike_pools__equals_one_by_one(peer, pooled, make_support, query):
    """The last task has no pool; places that hold no picture hold rubbish."""
    pools = [pooled((3, 1, 2), n_pool=7, seed=1), pooled((3, 1, 2), n_pool=4, seed=2)]
    tasks = [*pools, make_support((3, 1, 2), seed=3)]
    pool_TUD = torch.full((3, 9, 12), 3.0, dtype=torch.float64)
    for pool_UD, task in zip(pool_TUD, pools, strict=False):
        pool_UD[: task.n_pool] = task.pool_TUD[0]
    names = ("support_TNKD", "support_mask_TNK", "text_TND", "class_mask_TN", "logit_scale_T")
    together = Support(
        *(torch.cat([getattr(task, name) for task in tasks]) for name in names),
        pool_TUD=pool_TUD,
        pool_mask_TU=torch.arange(9) < torch.tensor([[7], [4], [0]]),
    )

    result = logits_of(peer(together), query.expand(3, -1, -1))

    for row, task in zip(result, tasks, strict=True):
        torch.testing.assert_close(row, logits_of(peer(task), query)[0])


@every_peer
def test_pool_peer__new_pictures__do_not_depend_on_one_another(peer, pooled, query):
    result = peer(pooled((3, 1, 2)))

    one_by_one = [logits_of(result, query[:, [q]]) for q in range(query.shape[1])]

    torch.testing.assert_close(logits_of(result, query), torch.cat(one_by_one, dim=1))
    assert logits_of(result, query[:, :0]).shape == (1, 0, 3)
