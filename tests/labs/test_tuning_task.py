"""Adapters from the pictures of other folds."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.labs.adapted_tower import AdaptedTower
from metaadapter.labs.tuning_task import (
    IN_ALL,
    IN_NONE,
    TuningTask,
    left_out_logits,
)

LABELS = torch.tensor([0, 0, 0, 0, 0, 1, 2, 2])


def task():
    torch.manual_seed(3)
    text = normalize(torch.randn(3, 6), dim=-1)
    return Support.of_rows(torch.zeros(8, 6), LABELS, text, logit_scale=10.0)


def test_a_picture_is_told_by_what_is_predicted_from_other_folds(generator):
    torch.manual_seed(2)
    rows, queries = (normalize(torch.randn(8, 6), dim=-1) for _ in range(2))
    fold = torch.tensor([0, 1, IN_NONE, 0, 1, IN_ALL, 0, 1])
    no_tower = object.__new__(AdaptedTower)  # the adapters are predicted from these rows
    adapters = TuningTask(no_tower, task(), LABELS, generator).left_out_adapters(rows, fold)
    result = left_out_logits(adapters, queries[[4, 6]], fold[[4, 6]])

    for row, number, kept in [(0, 4, [0, 3, 5, 6]), (1, 6, [1, 4, 5, 7])]:
        alone = Support.of_rows(rows[kept], LABELS[kept], task().text_TND[0], logit_scale=10.0)
        expected = classify(queries[[number]].double(), generator.predict(alone.exact).task(0))
        torch.testing.assert_close(result[row], expected[0].float(), rtol=1e-4, atol=1e-4)
