from __future__ import annotations

import numpy as np
import torch

from episodes import LabelIndex, TaskSource, cross_domain_draws
from metaadapter.generator import load_generator
from tools.ablation_evaluations import Evaluation, accuracy_by_shots

CLASSES, PICTURES, WIDTH = 6, 9, 16


def two_domains(n_pictures=PICTURES):
    """Labels and domains of a table in no order, each class with as many pictures in both."""
    labels = np.tile(np.arange(CLASSES), 2 * n_pictures)
    domains = np.repeat([0, 1], CLASSES * n_pictures)
    order = np.random.default_rng(0).permutation(len(labels))
    return labels[order], domains[order]


def draw(labels, domains, **changes):
    settings = {"n_shot": 4, "n_query": 3, "n_tasks": 20, "most_ways": 5, "seed": 0}
    return cross_domain_draws(
        LabelIndex.from_labels(labels, domains),
        support_domain=0,
        query_domain=1,
        **settings | changes,
    )


def test_accuracy_by_shots__classes_that_lie_apart__are_all_right():
    labels, domains = (torch.from_numpy(each) for each in two_domains())
    means_CD = torch.eye(CLASSES, WIDTH)
    source = TaskSource(
        name="apart",
        features_nVD=means_CD[labels][:, None],
        labels_n=labels,
        text_CD=means_CD,
        logit_scale=100.0,
        domains_n=domains,
    )
    rows = draw(labels.numpy(), domains.numpy())

    accuracy = accuracy_by_shots(
        load_generator("closed-form"), Evaluation("apart", True, source, rows, (1, 4))
    )

    assert accuracy == {1: [100.0] * 20, 4: [100.0] * 20}
