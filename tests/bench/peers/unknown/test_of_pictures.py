from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from metaadapter.bench.peers.unknown_scores import mahalanobis, prototype


def classes_of(asked, task):
    """The labelled pictures of each class, without padding."""
    support = asked.support
    shots_NKD, mask_NK = support.support_TNKD[task].numpy(), support.support_mask_TNK[task].numpy()
    return [shots[mask] for shots, mask in zip(shots_NKD, mask_NK, strict=True)]


def test_prototype__is_the_cosine_that_scikit_learn_has(asked):
    result = prototype(asked)

    for task, rows in enumerate(asked.rows_TQD.numpy()):
        means = np.stack([shots.mean(0) for shots in classes_of(asked, task)])
        expected = cosine_similarity(rows, means).max(1)
        assert result[task].numpy() == pytest.approx(expected)


@pytest.mark.parametrize("counts", [(3, 1, 2, 4), (9, 8), (1, 1, 2)])
def test_mahalanobis__is_as_an_inverted_covariance_has_it(make_asked, counts):
    asked = make_asked(counts)

    result = mahalanobis(asked)

    for task, rows in enumerate(asked.rows_TQD.numpy()):
        shots = classes_of(asked, task)
        about = np.concatenate([each - each.mean(0) for each in shots])
        scatter = about.T @ about
        trace = np.trace(scatter) / (len(about) - len(shots))
        precision = trace * np.linalg.inv(scatter + trace * np.eye(rows.shape[1]))
        for number, row in enumerate(rows):
            distances = [(row - c.mean(0)) @ precision @ (row - c.mean(0)) for c in shots]
            assert result[task, number] == pytest.approx(-min(distances))


def test_mahalanobis__one_picture_of_each_class__is_the_euclidean_distance(make_asked):
    asked = make_asked((1, 1, 1))

    result = mahalanobis(asked)

    for task, rows in enumerate(asked.rows_TQD.numpy()):
        means = np.concatenate(classes_of(asked, task))
        expected = -((rows[:, None] - means) ** 2).sum(-1).min(1)
        assert result[task].numpy() == pytest.approx(expected)
