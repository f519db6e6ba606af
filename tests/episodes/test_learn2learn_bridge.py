from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from episodes import to_learn2learn
from episodes.learn2learn_bridge import import_learn2learn

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


@pytest.mark.slow
def test_import_learn2learn__says_nothing():
    pytest.importorskip("gym", reason="learn2learn is not installed")
    code = "from episodes.learn2learn_bridge import import_learn2learn; import_learn2learn()"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")


def test_import_learn2learn__not_installed__says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "learn2learn", None)

    with pytest.raises(ImportError, match=r"(?s)cannot be imported .*pip install .*learn2learn=="):
        import_learn2learn()
