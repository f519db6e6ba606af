from __future__ import annotations

import math
from itertools import chain

import pytest
import torch

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.sequences.learner import merged
from metaadapter.bench.sequences.library import Library, PooledFit

GDA = PEERS["GDA"]


def test_library__task_told__is_the_method_on_its_pictures_alone(tasks, ask, learn):
    questions = ask(tasks, (1,))

    result = Library(GDA).answer(learn(Library(GDA), tasks), questions)

    wanted = classify(questions.rows_QD[None], GDA(tasks[1]))[0]
    torch.testing.assert_close(result.softmax(-1), wanted.softmax(-1))


def test_library__several_tasks__mixes_as_a_slow_loop_does(tasks, ask, learn):
    questions = ask(tasks, (0, 2))

    result = Library(GDA).answer(learn(Library(GDA), tasks), questions).exp()

    for picture, row in zip(questions.rows_QD, result, strict=True):
        shares = slow_shares(picture, [tasks[0], tasks[2]])
        parts = [classify(picture[None, None], GDA(tasks[task]))[0, 0] for task in (0, 2)]
        wanted = [share * part.softmax(-1) for share, part in zip(shares, parts, strict=True)]
        torch.testing.assert_close(row, torch.cat(wanted))
    torch.testing.assert_close(result.sum(-1), torch.ones(7).double())


def slow_shares(picture, tasks):
    """The probability of each task, class by class."""
    means = [[unit(shots.mean(0)) for shots in task.support_TNKD[0]] for task in tasks]
    texts = [[unit(text) for text in task.text_TND[0]] for task in tasks]
    centre, middle = (sum(rows) / len(rows) for rows in ([*chain(*means)], [*chain(*texts)]))
    odds = []
    for task, own, words in zip(tasks, means, texts, strict=True):
        n_shot = task.support_TNKD.shape[2]
        own = [unit(mean - centre) for mean in own]
        of_task = 0.5 * unit(sum(own))
        expected = [
            unit(n_shot * mean + 0.8 * unit(word - middle) + of_task)
            for mean, word in zip(own, words, strict=True)
        ]
        odds.append(sum(math.exp(28.0 * float(unit(picture - centre) @ at)) for at in expected))
    return torch.tensor(odds, dtype=torch.float64) / sum(odds)


def unit(row):
    return row / row.norm()


@pytest.mark.parametrize("sees_every_task", [False, True])
def test_pooled_fit__all_tasks__is_the_method_on_all_pictures(tasks, ask, learn, sees_every_task):
    learner = PooledFit(GDA, sees_every_task=sees_every_task)
    questions = ask(tasks, (0, 1, 2))

    result = learner.answer(learn(learner, tasks), questions)

    wanted = classify(questions.rows_QD[None], GDA(merged(tasks)))[0]
    torch.testing.assert_close(result, wanted)
