"""RanPAC against the matrices that the paper accumulates, written out."""

from __future__ import annotations

import torch

from metaadapter.bench.sequences.learners.random_ridge import hidden_rows
from metaadapter.bench.sequences.learners.ranpac import RanPAC


def test_ranpac__accumulated_sums__give_the_same_answers(tasks, ask, learn):
    learner, questions = RanPAC(n_hidden=50, ridge=0.3), ask(tasks, (0, 1, 2))

    result = learner.answer(learn(learner, tasks), questions)

    gram, prototypes, first = torch.zeros(50, 50).double(), torch.zeros(50, 9).double(), 0
    for task in tasks:
        rows, labels = task.labelled_rows()
        hidden = hidden_rows(rows, 50, "normal")
        gram += hidden.mT @ hidden
        for row, label in zip(hidden, labels.tolist(), strict=True):
            prototypes[:, first + label] += row
        first += task.n_way
    weights = torch.linalg.solve(gram + 0.3 * torch.eye(50).double(), prototypes)
    wanted = hidden_rows(questions.rows_QD, 50, "normal") @ weights
    torch.testing.assert_close(result, wanted)
