"""RanPAC against the matrices that the paper accumulates, written out."""

from __future__ import annotations

import torch

from metaadapter.bench.sequences.learners import ranpac
from metaadapter.bench.sequences.learners.random_ridge import hidden_rows, one_hot_rows
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


def test_ranpac__ridge__predicts_a_fifth_of_the_newest_task_best(make_tasks, monkeypatch):
    used = []
    solve = ranpac.ridge_through_products
    monkeypatch.setattr(
        ranpac, "ridge_through_products", lambda *given: used.append(given[2]) or solve(*given)
    )
    old, new = make_tasks((3, 4), n_shot=5, seed=3)
    learner = RanPAC(n_hidden=30)
    state = learner.learn(learner.start(), old, 0)
    used.clear()

    learner.learn(state, new, 1)

    rows, targets = one_hot_rows({1: new})
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    hidden, targets = hidden_rows(rows[order], 30, "normal"), targets[order]
    errors = {}
    for ridge in ranpac.RIDGES[4:]:  # the smallest ones are lost in rounding here
        gram = hidden[:16].mT @ hidden[:16] + ridge * torch.eye(30).double()
        weights = torch.linalg.solve(gram, hidden[:16].mT @ targets[:16])
        errors[ridge] = float((hidden[16:] @ weights - targets[16:]).square().mean())
    assert used[-1] == min(errors, key=errors.get)


def test_ranpac__hidden_rows__are_the_same_in_every_run_and_never_negative():
    rows = torch.eye(4)

    result = hidden_rows(rows, 1000, "normal")

    assert torch.equal(result, hidden_rows(rows, 1000, "normal"))
    assert float(result.min()) == 0
    assert 0.75 < float(result[result > 0].mean()) < 0.85  # the mean of half a normal is 0.798
