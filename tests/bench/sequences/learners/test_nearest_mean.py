from __future__ import annotations

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
