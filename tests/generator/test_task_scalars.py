from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.generator.cosines import Cosines
from metaadapter.generator.ridge.leave_one_out import leave_one_out
from metaadapter.generator.task_scalars import N_TASK_SCALARS, task_scalars

ZERO_SHOT_ACCURACY = -5


@pytest.fixture
def evidence_of():
    def evidence_of(task):
        support = task.canonical
        evidence = task_scalars(
            support, Cosines.of_support(support), leave_one_out(task.regression)
        )
        return torch.stack(list(evidence.values()), -1)

    return evidence_of


def test_task_evidence__zero_shot_accuracy__is_that_of_a_loop(make_task, evidence_of):
    task = make_task(1, 5, 3, 24)

    evidence = evidence_of(task)[0]

    means = task.pictures[0].mean(1).mean(0)
    texts = normalize(task.text[0] - task.text[0].mean(0), dim=-1)
    correct = [
        int((texts @ (task.pictures[0, c, k] - means)).argmax()) == c
        for c in range(5)
        for k in range(3)
    ]
    assert evidence.shape == (N_TASK_SCALARS,)
    assert evidence[ZERO_SHOT_ACCURACY] == pytest.approx(math.log(5) * sum(correct) / len(correct))


def test_task_evidence__without_texts__does_not_favour_the_first_class(make_task, evidence_of):
    task = make_task(1, 4, 3, 24)
    task.text = torch.zeros_like(task.text)
    task.mask[0, 1, 1:] = task.mask[0, 2, 2:] = False

    evidence = evidence_of(task)
    for field in ("pictures", "text", "mask"):
        setattr(task, field, getattr(task, field).flip(1))

    assert float(evidence[0, ZERO_SHOT_ACCURACY]) == pytest.approx(math.log(4) / 4)
    torch.testing.assert_close(evidence_of(task), evidence)
