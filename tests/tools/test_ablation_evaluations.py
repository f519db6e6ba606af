from __future__ import annotations

import torch

from episodes import TaskSource, cross_domain_draws
from metaadapter.generator.pretrained import load_generator
from tools.ablation_evaluations import Evaluation, accuracy_by_shots

CLASSES, PICTURES, WIDTH = 6, 9, 16


def test_accuracy_by_shots__classes_that_lie_apart__are_all_right():
    labels = torch.arange(CLASSES).repeat_interleave(2 * PICTURES)
    domains = torch.arange(len(labels)) % 2
    means_CD = torch.eye(CLASSES, WIDTH)
    source = TaskSource(
        name="apart",
        features_nVD=means_CD[labels][:, None],
        labels_n=labels,
        text_CD=means_CD,
        logit_scale=100.0,
        domains_n=domains,
    )
    rows = cross_domain_draws(
        source.index,
        support_domain=0,
        query_domain=1,
        n_shot=4,
        n_query=3,
        n_tasks=20,
        most_ways=5,
        seed=0,
    )

    accuracy = accuracy_by_shots(
        load_generator("closed-form"), Evaluation("apart", True, source, rows, (1, 4))
    )

    assert accuracy == {1: [100.0] * 20, 4: [100.0] * 20}
