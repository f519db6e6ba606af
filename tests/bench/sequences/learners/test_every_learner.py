"""Properties of every continual learner, and of single ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from sklearn.neighbors import NearestCentroid

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.sequences.learners.baselines import FineTuning, NearestMean, ZeroShot
from metaadapter.bench.sequences.learners.learner import merged
from metaadapter.bench.sequences.learners.library import Library, PooledFit
from metaadapter.bench.sequences.learners.ridge import RAIL, RanPAC

LEARNERS = {
    "zero-shot": ZeroShot(),
    "nearest mean": NearestMean(),
    "fine-tuning": FineTuning(),
    "RanPAC": RanPAC(n_hidden=40),
    "RanPAC with a fixed λ": RanPAC(n_hidden=40, ridge=0.1),
    "RAIL-primal": RAIL("primal", n_hidden=40),
    "RAIL-dual": RAIL("dual"),
    "library": Library(PEERS["GDA"]),
    "growing": PooledFit(PEERS["GDA"]),
}
DEPEND_ON_THE_ORDER = ("fine-tuning", "RanPAC")
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
    assert is_same == (name not in DEPEND_ON_THE_ORDER)


def test_nearest_mean__scikit_learns_nearest_centroid__agrees(make_tasks, ask, learn):
    tasks = make_tasks((5, 4, 6), n_shot=3)
    questions = ask(tasks, (0, 1, 2), n=200)

    result = NearestMean().answer(learn(NearestMean(), tasks), questions)

    rows, labels = merged(tasks).labelled_rows()
    other = NearestCentroid().fit(rows.numpy(), labels.numpy())
    wanted = other.predict(questions.rows_QD.numpy())
    assert len(set(wanted.tolist())) > 10
    assert result.argmax(-1).tolist() == wanted.tolist()


def test_fine_tuning__one_task__is_the_peer(tasks, ask):
    questions, learner = ask(tasks, (0,)), FineTuning()

    result = learner.answer(learner.learn(learner.start(), tasks[0], 0), questions)

    wanted = classify(questions.rows_QD[None], PEERS["CLIP-Adapter"](tasks[0]))[0]
    torch.testing.assert_close(result, wanted)
