from __future__ import annotations

import torch
from sklearn.neighbors import NearestCentroid

from metaadapter.bench.sequences.learners.baselines import NearestMean
from metaadapter.bench.sequences.learners.learner import merged


def test_nearest_mean__scikit_learns_nearest_centroid__agrees(make_tasks, ask, learn):
    tasks = make_tasks((5, 4, 6), n_shot=3)
    questions = ask(tasks, (0, 1, 2), n=200)

    result = NearestMean().answer(learn(NearestMean(), tasks), questions)

    rows, labels = merged(tasks).labelled_rows()
    other = NearestCentroid().fit(rows.numpy(), labels.numpy())
    wanted = other.predict(questions.rows_QD.numpy())
    assert len(set(wanted.tolist())) > 10
    assert result.argmax(-1).tolist() == wanted.tolist()


def test_nearest_mean__answers__differ_by_half_squared_distances(tasks, ask, learn):
    questions = ask(tasks, (0, 1, 2))

    result = NearestMean().answer(learn(NearestMean(), tasks), questions)

    means = torch.cat([task.means_TND[0] for task in tasks])
    wanted = -0.5 * torch.cdist(questions.rows_QD, means).square()
    torch.testing.assert_close(result - result[:, :1], wanted - wanted[:, :1])
