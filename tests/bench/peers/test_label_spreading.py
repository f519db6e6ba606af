from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.semi_supervised import LabelSpreading

from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import POOL_PEERS


@pytest.mark.parametrize("shots", [(3, 1, 2), (2, 2), (0, 3, 1)])
def test_label_spreading__scikit_learns_own__agrees(
    make_support, add_pool, pictures_of, query, shots
):
    support = add_pool(make_support(shots), 9)
    rows, labels = (tensor.numpy() for tensor in pictures_of(support))
    known = np.concatenate([rows, support.pool_TUD[0].numpy()])

    result = logits_of(POOL_PEERS["label spreading"](support), query)[0]

    spread = LabelSpreading().fit(known, np.concatenate([labels, np.full(9, -1)]))
    wanted = torch.zeros_like(result)
    wanted[:, spread.classes_] = torch.from_numpy(spread.predict_proba(query[0].numpy()))
    torch.testing.assert_close(result.exp(), wanted, atol=1e-5, rtol=1e-5)


def test_label_spreading__the_kernel_written_out_for_no_pool__agrees(
    make_support, pictures_of, query
):
    """Without a pool nothing but labelled pictures is averaged, almost by their own labels."""
    support = make_support((3, 1, 2))
    rows, labels = pictures_of(support)
    kernel = (-20 * torch.cdist(query[0], rows).square()).exp()

    result = logits_of(POOL_PEERS["label spreading"](support), query)[0]

    near = kernel @ torch.eye(3, dtype=torch.float64)[labels]
    assert torch.equal(result.argmax(-1), near.argmax(-1))


def test_label_spreading__texts_and_temperature__do_not_matter(make_support, add_pool, query):
    support = add_pool(make_support((3, 1, 2)))
    result = logits_of(POOL_PEERS["label spreading"](support), query)

    support.text_TND.neg_()
    support.logit_scale_T.mul_(3)

    assert torch.equal(logits_of(POOL_PEERS["label spreading"](support), query), result)


def test_label_spreading__no_picture__says_nothing(make_support, add_pool, query):
    support = add_pool(make_support((1, 1)))
    support.support_mask_TNK[:] = False

    result = logits_of(POOL_PEERS["label spreading"](support), query)

    torch.testing.assert_close(result.exp(), torch.full_like(result, 0.5))
