from __future__ import annotations

import math
from dataclasses import replace
from itertools import chain

import pytest
import torch

from metaadapter.adapter.known import known_probabilities
from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.sequences.learners.learner import gated, merged
from metaadapter.bench.sequences.learners.library import Library
from metaadapter.bench.sequences.learners.pooled_fit import PooledFit

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


def test_library__tasks_to_come_and_known_heads__agrees_with_a_slow_loop(tasks, ask, learn):
    questions, learner = ask(tasks, (0, 1, 2)), Library(known_of)
    state = learn(learner, tasks, order=(0, 2))

    result = learner.answer(state, questions).exp()

    for picture, row in zip(questions.rows_QD, result, strict=True):
        known = 0.0
        wanted = {}
        for share, task in zip(slow_shares(picture, [tasks[0], tasks[2]]), (0, 2), strict=True):
            adapter = state[task].adapter
            known += float(share * known_probabilities(picture[None], adapter)[0])
            wanted[task] = share * classify(picture[None], adapter)[0].softmax(-1)
        wanted = {task: known * part for task, part in wanted.items()}
        zero_shot = (20.0 * tasks[1].text_TND[0] @ picture).softmax(-1)
        wanted[1] = (1 - known) * zero_shot
        torch.testing.assert_close(row, torch.cat([wanted[task] for task in (0, 1, 2)]))
    torch.testing.assert_close(result.sum(-1), torch.ones(7).double())


def test_library__all_tasks_learned__what_is_known_changes_nothing(tasks, ask, learn):
    questions = ask(tasks, (0, 2))

    result = Library(known_of).answer(learn(Library(known_of), tasks), questions)

    torch.testing.assert_close(result, Library(GDA).answer(learn(Library(GDA), tasks), questions))


@pytest.mark.parametrize(("surely", "wanted"), [(-50.0, "texts"), (50.0, "adapters")])
def test_library__head_that_is_sure__leaves_one_side(tasks, ask, learn, surely, wanted):
    learner, questions = Library(lambda support: known_of(support, surely)), ask(tasks, (0, 1))

    result = learner.answer(learn(learner, tasks[:1]), questions)

    assert ((result.argmax(-1) >= 3) == (wanted == "texts")).all()


def test_library__one_adapter_without_the_head__zero_shot_decides(tasks, ask, learn):
    questions, learner = ask(tasks, (0, 1)), Library(GDA)

    result = learner.answer(learn(learner, tasks[:1]), questions)

    wanted = gated(
        classify(questions.rows_QD[None], GDA(tasks[0]))[0].log_softmax(-1), {0}, questions
    )
    torch.testing.assert_close(result, wanted)


def known_of(support, constant=0.1):
    """GDA's adapter with a head that tells known pictures by their likeness."""
    weights = GDA(support)
    quantiles = torch.zeros(1, 6).double()
    return replace(
        weights,
        likeness=weights.classes,
        likeness_bias=torch.zeros(1, weights.n_way).double(),
        known=torch.tensor([[0.02, -0.5, constant]]).double(),
        known_quantiles=quantiles,
        own_quantiles=quantiles,
        reject_threshold=torch.full((1,), 0.5).double(),
    )


@pytest.mark.parametrize("sees_every_task", [False, True])
def test_pooled_fit__all_tasks__is_the_method_on_all_pictures(tasks, ask, learn, sees_every_task):
    learner = PooledFit(GDA, sees_every_task=sees_every_task)
    questions = ask(tasks, (0, 1, 2))

    result = learner.answer(learn(learner, tasks), questions)

    wanted = classify(questions.rows_QD[None], GDA(merged(tasks)))[0]
    torch.testing.assert_close(result, wanted)


def test_pooled_fit__many_questions__fits_once_a_task(tasks, ask, learn):
    fitted = []
    learner = PooledFit(lambda support: fitted.append(support.n_way) or GDA(support))
    state = learn(learner, tasks)

    for task in (0, 1, 2):
        learner.answer(state, ask(tasks, (task,)))

    assert fitted == [9]
