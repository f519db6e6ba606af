"""Properties of every continual learner, and of single ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.sequences.library import Library, PooledFit
from metaadapter.bench.sequences.peers import RAIL, FineTuning

LEARNERS = {
    "fine-tuning": FineTuning(),
    "RAIL-primal": RAIL(n_hidden=40),
    "library": Library(PEERS["GDA"]),
    "growing": PooledFit(PEERS["GDA"]),
}
every_learner = pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS.keys())


@every_learner
def test_learner__another_task__leaves_the_state_before_as_it_was(learner, tasks, ask):
    questions = ask(tasks, (0, 1))
    early = learner.learn(learner.start(), tasks[0], 0)
    before = learner.answer(early, questions).clone()

    learner.learn(early, tasks[1], 1)

    torch.testing.assert_close(learner.answer(early, questions), before, rtol=0, atol=0)


@every_learner
def test_learner__pictures__are_answered_each_by_itself(learner, tasks, ask, learn):
    state, questions = learn(learner, tasks[:2]), ask(tasks, (0, 1, 2))

    together = learner.answer(state, questions)

    alone = [
        learner.answer(state, replace(questions, rows_QD=row[None])) for row in questions.rows_QD
    ]
    torch.testing.assert_close(together, torch.cat(alone))


@every_learner
def test_learner__tasks_in_another_order__columns_move_with_them(learner, tasks, ask, learn):
    state = learn(learner, tasks)

    result = learner.answer(state, ask(tasks, (2, 0)))

    other = learner.answer(state, ask(tasks, (0, 2)))
    torch.testing.assert_close(result, torch.cat([other[:, 3:], other[:, :3]], dim=-1))


@pytest.mark.parametrize("name", LEARNERS)
def test_learner__tasks_learned_in_another_order__answers_the_same_if_analytic(
    name, tasks, ask, learn
):
    learner, questions = LEARNERS[name], ask(tasks, (0, 1, 2))

    result = learner.answer(learn(learner, tasks, order=(2, 1, 0)), questions)

    wanted = learner.answer(learn(learner, tasks), questions)
    is_same = torch.allclose(result, wanted, rtol=1e-7, atol=1e-7)
    assert is_same == (name != "fine-tuning")


def test_fine_tuning__one_task__is_the_peer(tasks, ask):
    questions, learner = ask(tasks, (0,)), FineTuning()

    result = learner.answer(learner.learn(learner.start(), tasks[0], 0), questions)

    wanted = classify(questions.rows_QD[None], PEERS["CLIP-Adapter"](tasks[0]))[0]
    torch.testing.assert_close(result, wanted)
