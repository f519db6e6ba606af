from __future__ import annotations

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.labs.tuning.tuning_task import IN_ALL, IN_NONE, LeftOutHeads, folds

LABELS = torch.tensor([0, 0, 0, 0, 0, 1, 2, 2])


def task():
    torch.manual_seed(3)
    text = normalize(torch.randn(3, 6), dim=-1)
    return Support.of_rows(torch.zeros(8, 6), LABELS, text, logit_scale=10.0)


def test_each_class_is_divided_among_folds_unless_it_has_one_picture():
    assert folds(LABELS, 4).tolist() == [0, 1, 2, 3, 0, IN_ALL, 0, 1]


def test_a_picture_is_told_by_what_is_predicted_from_other_folds(generator):
    torch.manual_seed(2)
    rows, asked = (normalize(torch.randn(8, 6), dim=-1) for _ in range(2))
    fold = torch.tensor([0, 1, IN_NONE, 0, 1, IN_ALL, 0, 1])
    heads = LeftOutHeads.predict(generator, task(), rows, fold)
    result = heads.logits(asked[[4, 6]], torch.tensor([4, 6]))

    for row, number, kept in [(0, 4, [0, 3, 5, 6]), (1, 6, [1, 4, 5, 7])]:
        alone = Support.of_rows(rows[kept], LABELS[kept], task().text_TND[0], logit_scale=10.0)
        expected = classify(asked[[number]].double(), generator.predict(alone.exact).task(0))
        torch.testing.assert_close(result[row], expected[0].float(), rtol=1e-4, atol=1e-4)


def test_what_is_said_of_a_row_can_be_differentiated(generator):
    torch.manual_seed(2)
    rows = normalize(torch.randn(8, 6), dim=-1)
    heads = LeftOutHeads.predict(generator, task(), rows, folds(LABELS, 2))
    asked = rows[:2].clone().requires_grad_()
    heads.logits(asked, torch.tensor([0, 1])).log_softmax(-1)[:, 0].sum().backward()
    assert asked.grad.norm() > 0
