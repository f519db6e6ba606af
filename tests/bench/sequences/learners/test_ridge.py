"""RanPAC and RAIL against their published sums and recursion, and scikit-learn's kernel ridge."""

from __future__ import annotations

import torch
from sklearn.kernel_ridge import KernelRidge

from metaadapter.bench.sequences.learners.ridge import RAIL, RanPAC, hidden_rows, one_hot_rows


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


def regression(learner, state, questions):
    """The regression's part of answers where every class is learned."""
    return (learner.answer(state, questions) - 0.1 * questions.zero_shot_QC.softmax(-1)) / 0.9


def test_rail_primal__published_recursion__gives_the_same_answers(tasks, ask, learn):
    learner, questions = RAIL("primal", n_hidden=50), ask(tasks, (0, 1, 2))

    result = regression(learner, learn(learner, tasks), questions)

    memory, weights = torch.eye(50).double() / 0.1, torch.zeros(50, 0).double()
    for task in tasks:
        rows, labels = task.labelled_rows()
        hidden = hidden_rows(rows, 50, "uniform")
        targets = torch.zeros(len(rows), weights.shape[1] + task.n_way).double()
        targets[torch.arange(len(rows)), weights.shape[1] + labels] = 1
        weights = torch.cat([weights, torch.zeros(50, task.n_way).double()], dim=1)
        inner = torch.eye(len(rows)).double() + hidden @ memory @ hidden.mT
        memory = memory - memory @ hidden.mT @ torch.linalg.inv(inner) @ hidden @ memory
        weights = weights + memory @ hidden.mT @ (targets - hidden @ weights)
    torch.testing.assert_close(result, hidden_rows(questions.rows_QD, 50, "uniform") @ weights)


def test_rail_dual__scikit_learns_kernel_ridge__agrees(tasks, ask, learn):
    learner, questions = RAIL("dual"), ask(tasks, (0, 1, 2))

    result = regression(learner, learn(learner, tasks), questions)

    rows, targets = one_hot_rows(dict(enumerate(tasks)))
    other = KernelRidge(alpha=1e-3, kernel="rbf", gamma=0.1).fit(rows.numpy(), targets.numpy())
    wanted = torch.from_numpy(other.predict(questions.rows_QD.numpy()))
    torch.testing.assert_close(result, wanted)
