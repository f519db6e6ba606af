from __future__ import annotations

import numpy as np

from metaadapter.evaluation.mistakes import MOST_KEPT, Mistake, worst, worst_mistakes


def test_worst_mistakes__right_and_uncounted_answers__are_none():
    chance_TQN = np.array([[[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]])
    labels_TQ, pictures_TQ = np.array([[0, -1, 0]]), np.array([[7, -1, 9]])

    found = worst_mistakes(np.log(chance_TQN), labels_TQ, pictures_TQ, np.array([[4, 2]]))

    ((picture, true, called, confidence, own),) = found
    assert (picture, true, called) == (9, 4, 2)
    np.testing.assert_allclose([confidence, own], [0.6, 0.4])


def test_worst_mistakes__many__keeps_the_most_confident_of_all_tasks():
    rng = np.random.default_rng(0)
    chance_TQN = rng.dirichlet(np.ones(3), (2, 20))
    labels_TQ = (chance_TQN.argmax(-1) + 1) % 3
    pictures_TQ = np.arange(40).reshape(2, 20)

    found = worst_mistakes(
        np.log(chance_TQN), labels_TQ, pictures_TQ, np.array([[0, 1, 2], [5, 6, 7]])
    )

    order = np.argsort(-chance_TQN.max(-1).flatten())[:MOST_KEPT]
    assert [each.picture for each in found] == order.tolist()
    assert all((each.called >= 5) == (each.picture >= 20) for each in found)


def test_worst__of_several_pieces__is_the_worst_of_all():
    pieces = [Mistake(n, 0, 1, chance, 0.0) for n, chance in enumerate(np.linspace(0.3, 0.9, 20))]

    assert [each.picture for each in worst(pieces)] == list(range(19, 19 - MOST_KEPT, -1))
