from __future__ import annotations

import torch

from metaadapter.training.loss_terms import mean_terms, weighted_sum
from metaadapter.training.objective import LossWeights


def test_weighted_sum__terms__count_by_the_weight_of_their_name():
    terms = {"query": torch.tensor(2.0), "draws": torch.tensor(3.0)}

    total = weighted_sum(terms, LossWeights(query=0.5, draws=10.0))

    assert total == 31


def test_mean_terms__term_of_some_draws__is_the_mean_over_those():
    draws = [{"query": 1.0}, {"query": 2.0, "views": 4.0}]

    assert mean_terms(draws) == {"query": 1.5, "views": 4.0}
