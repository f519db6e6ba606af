from __future__ import annotations

import numpy as np
import pytest
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


def covariance(signature):
    """The within-class covariance of a signature, as one matrix."""
    directions = signature.directions.double().numpy()
    along = directions.T @ np.diag(signature.variances.double().numpy()) @ directions
    across = np.eye(directions.shape[1]) - directions.T @ directions
    return along + float(signature.noise) * across


def pooled(rows, labels):
    """The same by hand: numpy's covariance of each class, weighted by its degrees of freedom."""
    parts = [rows[labels == label] for label in set(labels.tolist())]
    scatter = [(len(part) - 1) * np.cov(part, rowvar=False) for part in parts if len(part) > 1]
    return sum(scatter) / (len(rows) - len(parts))


@given(n_pictures=st.integers(3, 30), seed=st.integers(0, 1000))
def test_signature__covariance__is_that_of_numpy(n_pictures, seed):
    rows, labels, texts = task(n_pictures, seed=seed)

    result = signature_of(rows, labels, texts)

    expected = pooled(rows, labels)
    np.testing.assert_allclose(np.trace(covariance(result)), np.trace(expected), rtol=1e-5)
    if n_pictures - 2 >= WIDTH:
        np.testing.assert_allclose(covariance(result), expected, atol=1e-6)
    for label in range(2):
        own = rows[labels == label]
        np.testing.assert_allclose(result.means[label], own.mean(0), atol=1e-6)
    assert result.counts.tolist() == [*np.bincount(labels), 0]
    assert not result.means[2].any()
    np.testing.assert_allclose(result.text, texts, atol=1e-7)


@pytest.mark.parametrize(("n_pictures", "width"), [(9, 7), (9, 50), (60, 50), (200, 50)])
def test_signature__directions__are_orthonormal_and_at_most_32(n_pictures, width):
    result = signature_of(*task(n_pictures, width=width))

    n_kept = min(n_pictures - 2, 32, width)
    product = result.directions.double() @ result.directions.double().T
    assert torch.allclose(product, torch.eye(n_kept, dtype=torch.float64), atol=1e-6)
    assert (result.variances.diff() <= 0).all()
    assert (result.variances >= 0).all()


@pytest.mark.parametrize("n_pictures", [60, 200])
def test_signature__more_scatter_than_directions__leaves_its_mean_as_noise(n_pictures):
    rows, labels, texts = task(n_pictures, width=50)

    result = signature_of(rows, labels, texts)

    spectrum = np.sort(np.linalg.eigvalsh(pooled(rows, labels)))[::-1]
    np.testing.assert_allclose(result.variances, spectrum[:32], rtol=1e-4)
    np.testing.assert_allclose(result.noise, spectrum[32:].mean(), rtol=1e-4)
