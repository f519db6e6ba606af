from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.adapter.support import Support
from metaadapter.adapter.task_signature import TaskSignature

WIDTH = 7


def task(n_pictures, n_way=3, seed=0, width=WIDTH):
    """Unit rows, their labels and unit texts; the last class has no picture."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n_pictures, width)) + rng.standard_normal(width)
    texts = rng.standard_normal((n_way, width))
    unit = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (rows, texts)]
    labels = rng.permutation(np.arange(n_pictures) % (n_way - 1))
    return unit[0], labels, unit[1]


def signature_of(rows, labels, texts):
    tensors = (torch.tensor(rows), torch.tensor(labels), torch.tensor(texts))
    return TaskSignature.of(Support.of_rows(*tensors))


@given(n_pictures=st.integers(3, 30), seed=st.integers(0, 1000))
def test_signature__has_the_means_the_counts_and_the_texts(n_pictures, seed):
    rows, labels, texts = task(n_pictures, seed=seed)

    result = signature_of(rows, labels, texts)

    for label in range(2):
        own = rows[labels == label]
        np.testing.assert_allclose(result.means[label], own.mean(0), atol=1e-6)
    assert result.counts.tolist() == [*np.bincount(labels), 0]
    assert not result.means[2].any()
    np.testing.assert_allclose(result.text, texts, atol=1e-7)
