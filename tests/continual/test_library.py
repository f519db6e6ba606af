from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter import classify
from metaadapter.baselines import PEERS
from metaadapter.continual.library import Library
from metaadapter.continual.pooled_fit import PooledFit
from metaadapter.continual.questions import merged
from metaadapter.continual.route import task_probabilities

GDA = PEERS["GDA"]


def test_library__task_told__is_the_method_on_its_pictures_alone(tasks, ask, learn):
    questions = ask(tasks, (1,))

    found = Library(GDA).answer(learn(Library(GDA), tasks), questions)

    wanted = classify(questions.rows_QD[None], GDA(tasks[1]))[0]
    torch.testing.assert_close(found.softmax(-1), wanted.softmax(-1))


def test_library__several_tasks__mixes_as_a_slow_loop_does(tasks, ask, learn):
    questions = ask(tasks, (0, 2))

    found = Library(GDA).answer(learn(Library(GDA), tasks), questions).exp()

    for picture, row in zip(questions.rows_QD, found, strict=True):
        densities = [
            sum(
                math.exp(-15.0 * float((picture - shots.mean(0)).square().sum()))
                for shots in tasks[task].support_TNKD[0]
            )
            for task in (0, 2)
        ]
        shares = torch.tensor(densities, dtype=torch.float64) / sum(densities)
        parts = [classify(picture[None, None], GDA(tasks[task]))[0, 0] for task in (0, 2)]
        wanted = [share * part.softmax(-1) for share, part in zip(shares, parts, strict=True)]
        torch.testing.assert_close(row, torch.cat(wanted))
    torch.testing.assert_close(found.sum(-1), torch.ones(7).double())


def test_task_probabilities__a_mean_picture__is_of_its_task():
    pictures = [normalize(torch.randn(5, 30), dim=-1) for _ in range(3)]

    found = task_probabilities(pictures[1], pictures)

    assert (found.argmax(-1) == 1).all()
    torch.testing.assert_close(found.sum(-1), torch.ones(5))


@pytest.mark.parametrize("sees_every_task", [False, True])
def test_pooled_fit__all_tasks__is_the_method_on_all_pictures_together(
    tasks, ask, learn, sees_every_task
):
    learner = PooledFit(GDA, sees_every_task=sees_every_task)
    questions = ask(tasks, (0, 1, 2))

    found = learner.answer(learn(learner, tasks), questions)

    wanted = classify(questions.rows_QD[None], GDA(merged(tasks)))[0]
    torch.testing.assert_close(found, wanted)


def test_pooled_fit__many_questions__fits_once_a_task(tasks, ask, learn):
    fitted = []
    learner = PooledFit(lambda support: fitted.append(support.n_way) or GDA(support))
    state = learn(learner, tasks)

    for task in (0, 1, 2):
        learner.answer(state, ask(tasks, (task,)))

    assert fitted == [9]
