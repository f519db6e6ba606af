from __future__ import annotations

import random
import sys

import numpy as np
import pytest
import torch

from episodes import EpisodeError, from_learn2learn, to_learn2learn

N_WAY, N_SHOT, N_QUERY = 3, 2, 4
LABELS = torch.arange(60) % 6
FEATURES = torch.arange(60.0)[:, None].expand(-1, 2)


def taskset(**settings):
    pytest.importorskip("gym", reason="learn2learn is not installed")
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - learn2learn draws from the global generators
    return to_learn2learn(FEATURES, LABELS, N_WAY, N_SHOT, N_QUERY, 8, **settings)


def test_to_learn2learn__task__has_different_pictures_of_classes_numbered_from_zero():
    features, labels = taskset()[0]

    assert labels.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    of = LABELS[features[:, 0].long()].reshape(3, 6)
    assert (of == of[:, :1]).all()
    assert len(set(of[:, 0].tolist())) == 3
    assert len(set(features[:, 0].tolist())) == 18


def test_there_and_back__tasks__are_the_task_set_s_with_text_of_their_classes():
    text = torch.arange(6.0)[:, None].expand(-1, 2)
    tasks = taskset(keep_labels=True)

    batch = from_learn2learn(tasks, 8, N_WAY, N_SHOT, text)

    for number in range(8):
        features, _ = tasks[number]
        pictures = torch.cat([batch.support_TNKD[number].flatten(0, 1), batch.query_TQD[number]])
        assert sorted(pictures[:, 0].tolist()) == sorted(features[:, 0].tolist())
    class_of_query = LABELS[batch.query_TQD[..., 0].long()]
    asked = batch.text_TND[..., 0].gather(1, batch.query_labels_TQ)
    assert torch.equal(class_of_query.float(), asked)
    assert torch.equal(
        LABELS[batch.support_TNKD[..., 0].long()].float(),
        batch.text_TND[..., :1].expand(-1, -1, N_SHOT),
    )


def test_from_learn2learn__any_sequence_of_tasks_without_text__has_zeros_for_text():
    tasks = [(torch.tensor([[5.0], [6.0], [7.0], [8.0]]), torch.tensor([4, 9, 9, 4]))]

    batch = from_learn2learn(tasks, 1, n_way=2, n_shot=1)

    assert batch.support_TNKD.flatten().tolist() == [5, 6]
    assert batch.query_TQD.flatten().tolist() == [8, 7]
    assert batch.query_labels_TQ.tolist() == [[0, 1]]
    assert batch.text_TND.tolist() == [[[0], [0]]]
    assert batch.support_mask_TNK.all()
    assert batch.class_mask_TN.all()


@pytest.mark.parametrize("labels", [[0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 1], [0, 1]])
def test_from_learn2learn__task_of_other_sizes__says_what_it_has(labels):
    tasks = [(torch.zeros(len(labels), 1), torch.tensor(labels))]

    with pytest.raises(EpisodeError, match=r"task 0 .* 2 classes, each of 1 shots .* it has \["):
        from_learn2learn(tasks, 1, n_way=2, n_shot=1)


def test_from_learn2learn__label_beyond_the_texts__is_refused():
    tasks = [(torch.zeros(4, 1), torch.tensor([0, 0, 7, 7]))]

    with pytest.raises(EpisodeError, match="those of 3 classes, but a task has label 7"):
        from_learn2learn(tasks, 1, n_way=2, n_shot=1, text_CD=torch.zeros(3, 1))


def test_to_learn2learn__not_installed__says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "learn2learn.data", None)

    with pytest.raises(ImportError, match=r"learn2learn cannot be imported .*`learn2learn` extra"):
        to_learn2learn(FEATURES, LABELS, N_WAY, N_SHOT, N_QUERY, 1)
