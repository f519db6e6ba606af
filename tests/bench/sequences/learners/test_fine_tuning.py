from __future__ import annotations

import torch

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.peers.clip_adapter import clip_adapter
from metaadapter.bench.sequences.learners.fine_tuning import FineTuning


def test_fine_tuning__one_task__is_the_peer(tasks, ask):
    questions, learner = ask(tasks, (0,)), FineTuning()

    result = learner.answer(learner.learn(learner.start(), tasks[0], 0), questions)

    wanted = classify(questions.rows_QD[None], PEERS["CLIP-Adapter"](tasks[0]))[0]
    torch.testing.assert_close(result, wanted)


def test_fine_tuning__second_task__goes_on_from_the_first(tasks, ask):
    learner, questions = FineTuning(), ask(tasks, (0, 1, 2))
    first = learner.learn(learner.start(), tasks[0], 0)

    second = learner.learn(first, tasks[1], 1)

    torch.testing.assert_close(second.up, clip_adapter(tasks[1], start=first).up)
    afresh = learner.learn(learner.start(), tasks[1], 1)
    assert not torch.allclose(learner.answer(second, questions), learner.answer(afresh, questions))
