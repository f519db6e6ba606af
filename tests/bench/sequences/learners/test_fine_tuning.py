from __future__ import annotations

import torch

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.sequences.learners.baselines import FineTuning


def test_fine_tuning__one_task__is_the_peer(tasks, ask):
    questions, learner = ask(tasks, (0,)), FineTuning()

    result = learner.answer(learner.learn(learner.start(), tasks[0], 0), questions)

    wanted = classify(questions.rows_QD[None], PEERS["CLIP-Adapter"](tasks[0]))[0]
    torch.testing.assert_close(result, wanted)
