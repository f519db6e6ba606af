from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.cosines import Cosines
from metaadapter.generator.leave_one_out import leave_one_out
from metaadapter.generator.pretrained import load_generator
from metaadapter.generator.task_scalars import N_TASK_SCALARS, task_scalars

LEFT_OUT = slice(-4, None)
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


def test_task_evidence__leave_one_out__is_about_the_untrained_classifier(make_task, evidence_of):
    task = make_task(1, 4, 6, 24)
    generator = load_generator("closed-form").double()

    gain, accuracy, _, has_any = evidence_of(task)[0, LEFT_OUT].tolist()

    # Refitted without each picture; there the centre and the spread are a little different too.
    log_p, correct = [], []
    for c in range(4):
        for k in range(6):
            mask = task.mask.clone()
            mask[0, c, k] = False
            weights = generator.predict(Support.of_tasks(task.pictures, task.text, mask))
            p = classify(task.pictures[:, c, k][:, None], weights)[0, 0].softmax(-1)
            log_p.append(float(p[c].log()))
            correct.append(float(p.argmax() == c))
    assert has_any == 1
    assert gain == pytest.approx(math.log(4) + sum(log_p) / 24, abs=0.1)
    assert accuracy == pytest.approx(math.log(4) * sum(correct) / 24, abs=0.15)


def test_task_evidence__without_texts__does_not_favour_the_first_class(make_task, evidence_of):
    task = make_task(1, 4, 3, 24)
    task.text = torch.zeros_like(task.text)
    task.mask[0, 1, 1:] = task.mask[0, 2, 2:] = False

    evidence = evidence_of(task)
    for field in ("pictures", "text", "mask"):
        setattr(task, field, getattr(task, field).flip(1))

    assert float(evidence[0, ZERO_SHOT_ACCURACY]) == pytest.approx(math.log(4) / 4)
    torch.testing.assert_close(evidence_of(task), evidence)
