"""The shapes written in signatures are checked while the tests run."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import TypeCheckError

from metaadapter.adapter.weights import AdapterWeights, apply_adapter


@pytest.mark.parametrize(
    "features",
    [torch.ones(3), torch.ones(2, 3, dtype=torch.int64)],
    ids=["an axis too few", "whole numbers"],
)
def test_shapes__other_features__are_refused(features):
    weights = AdapterWeights.zero_shot(torch.eye(3), logit_scale=100.0)
    with pytest.raises(TypeCheckError, match=r"(?s)apply_adapter.*parameter 'features'"):
        apply_adapter(features, weights)


def test_shapes__fields_that_disagree__are_refused():
    with pytest.raises(TypeCheckError, match=r"AdapterWeights"):
        AdapterWeights(
            classes=torch.eye(3), class_bias=torch.zeros(4), logit_scale=torch.tensor(100.0)
        )
