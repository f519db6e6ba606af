"""RAIL against its published recursion."""

from __future__ import annotations

import torch

from metaadapter.bench.sequences.peers import RAIL


def test_rail__published_recursion__gives_the_same_answers(tasks, ask, learn):
    learner, questions = RAIL(n_hidden=50), ask(tasks, (0, 1, 2))

    answers = learner.answer(learn(learner, tasks), questions)

    memory, weights = torch.eye(50).double() / 0.1, torch.zeros(50, 0).double()
    for task in tasks:
        rows, labels = task.labelled_rows()
        hidden = learner.hidden(rows)
        targets = torch.zeros(len(rows), weights.shape[1] + task.n_way).double()
        targets[torch.arange(len(rows)), weights.shape[1] + labels] = 1
        weights = torch.cat([weights, torch.zeros(50, task.n_way).double()], dim=1)
        inner = torch.eye(len(rows)).double() + hidden @ memory @ hidden.mT
        memory = memory - memory @ hidden.mT @ torch.linalg.inv(inner) @ hidden @ memory
        weights = weights + memory @ hidden.mT @ (targets - hidden @ weights)
    regression = (answers - 0.1 * questions.zero_shot_QC.softmax(-1)) / 0.9
    torch.testing.assert_close(regression, learner.hidden(questions.rows_QD) @ weights)
