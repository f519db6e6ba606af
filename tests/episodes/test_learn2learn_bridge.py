from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from episodes import to_learn2learn

N_WAY, N_SHOT, N_QUERY = 3, 2, 4
LABELS = torch.arange(60) % 6
FEATURES = torch.arange(60.0)[:, None].expand(-1, 2)


def taskset():
    pytest.importorskip("gym", reason="learn2learn is not installed")
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - learn2learn draws from the global generators
    return to_learn2learn(FEATURES, LABELS, N_WAY, N_SHOT, N_QUERY, 8)


@pytest.mark.slow
def test_to_learn2learn__task__has_different_pictures_of_classes_numbered_from_zero():
    features, labels = taskset()[0]

    assert labels.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    classes = LABELS[features[:, 0].long()].reshape(3, 6)
    assert (classes == classes[:, :1]).all()
    assert len(set(classes[:, 0].tolist())) == 3
    assert len(set(features[:, 0].tolist())) == 18
