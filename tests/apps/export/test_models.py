"""The exported modules answer as the formulas say, by a loop in numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from metaadapter.apps.export.models import FeatureModel, PictureModel
from metaadapter.errors import UsageError
from metaadapter.features.origin import Origin


@pytest.fixture
def features():
    return np.random.default_rng(3).standard_normal((9, 6)).astype(np.float32)


@pytest.fixture
def weights(make_adapter):
    """One adapter with all parts: bottleneck and the head that tells known pictures."""
    draw = torch.Generator().manual_seed(5)

    def randn(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    return replace(
        make_adapter(n_tasks=1)[0].task(0),
        likeness=randn(3, 6),
        likeness_bias=randn(3),
        known=torch.tensor([2.0, 1.0, -1.5], dtype=torch.float64),
        **dict.fromkeys(("known_quantiles", "own_quantiles"), torch.zeros(6).double()),
        reject_threshold=torch.tensor(0.5, dtype=torch.float64),
    )


def test_features__adapter_with_all_parts__agree_with_formulas(weights, features, numpy_answers):
    expected, expected_known = numpy_answers(features, weights)
    least = torch.tensor(np.median(expected_known) + 1e-3)
    weights = replace(weights, reject_threshold=least)

    shares, known, unfamiliar = FeatureModel(weights, "abc")(torch.from_numpy(features))

    assert np.abs(shares.numpy() - expected).max() < 1e-6
    assert np.abs(known.numpy() - expected_known).max() < 1e-6
    assert unfamiliar.tolist() == (expected_known < float(least)).tolist()
    assert 0 < unfamiliar.sum() < len(features)


def test_features__several_labels__are_each_by_itself_and_shown_from_their_threshold(
    make_adapter, features
):
    plain = make_adapter(n_tasks=1)[0].task(0)
    weights = replace(plain, label_thresholds=torch.tensor([0.2, 0.5, 0.7]).double())
    bare = replace(weights, **dict.fromkeys(("centre", "down", "bias", "up", "visual_ratio")))
    module = FeatureModel(bare, "abc")

    p_NC, shown_NC = module(torch.from_numpy(features))

    assert module.outputs == ("probabilities", "shown")
    for row, p_C, shown_C in zip(features.astype(np.float64), p_NC, shown_NC, strict=True):
        row = row / np.linalg.norm(row)
        scale, vectors = float(bare.logit_scale), bare.classes.double().numpy()
        expected = 1 / (1 + np.exp(-(scale * vectors @ row + bare.class_bias.double().numpy())))
        assert np.abs(p_C.numpy() - expected).max() < 1e-6
        assert shown_C.tolist() == (expected >= [0.2, 0.5, 0.7]).tolist()
    assert 0 < shown_NC.sum() < shown_NC.numel()


def test_pictures__several_views__are_refused_with_what_to_do(weights, make_encoder, make_config):
    config = make_config(width=64, n_shots=[1, 1, 1], origin=Origin(n_views=5))

    with pytest.raises(UsageError, match=r"averages 5 views.*without --pixels.*views=1"):
        PictureModel(weights, config, make_encoder())
