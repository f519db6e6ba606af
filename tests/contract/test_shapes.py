"""The shapes written in signatures are checked while the tests run."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import TypeCheckError

from metaadapter.adapter.weights import AdapterWeights, apply_adapter


def test_shapes__an_axis_too_few__is_refused():
    weights = AdapterWeights.zero_shot(torch.eye(3), logit_scale=100.0)

    with pytest.raises(TypeCheckError, match=r"(?s)apply_adapter.*parameter 'features'"):
        apply_adapter(torch.ones(3), weights)


def test_shapes__whole_numbers_for_features__are_refused():
    weights = AdapterWeights.zero_shot(torch.eye(3), logit_scale=100.0)

    with pytest.raises(TypeCheckError, match=r"(?s)apply_adapter.*parameter 'features'"):
        apply_adapter(torch.ones(2, 3, dtype=torch.int64), weights)


def test_shapes__fields_that_disagree__are_refused():
    with pytest.raises(TypeCheckError, match=r"AdapterWeights"):
        AdapterWeights(
            classes=torch.eye(3), class_bias=torch.zeros(4), logit_scale=torch.tensor(100.0)
        )
