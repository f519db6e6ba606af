"""The choice of strength and the calibration by left-out pictures."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.known import (
    calibrated,
    known_probabilities,
    known_threshold,
    prediction_sets,
)
from metaadapter.adapter.support import Support
from metaadapter.features.towers.config import Calibration
from metaadapter.generator.pretrained import load_generator
from metaadapter.labs import choose_strength
from metaadapter.labs.choose_strength import LeftOutPart, calibrate, choose, left_out_parts
from metaadapter.workflow.fit_adapter import predict_adapter

LABELS = torch.tensor([0, 1, 0, 1])

N_WAY, N_SHOT = 5, 16


def logits_of(*probabilities):
    """Logits of pictures whose own class has these probabilities."""
    own = torch.tensor(probabilities)
    rows = torch.stack([own, 1 - own], 1).log()
    return torch.where(LABELS[:, None] == 0, rows, rows.flip(1))


@pytest.fixture
def chosen(monkeypatch):
    """The choice for left-out pictures with these logits, by strength."""

    def choice(logits):
        return choose(
            {key: [SimpleNamespace(logits=rows, labels=LABELS)] for key, rows in logits.items()}
        )

    monkeypatch.setattr(choose_strength, "calibrate", lambda _, t: Calibration(temperature=t))
    return choice


def test_the_strength_with_the_least_log_loss_is_taken(chosen):
    result = chosen(
        {0.0: logits_of(*[0.5] * 4), 0.5: logits_of(*[0.8] * 4), 1.0: logits_of(*[0.7] * 4)}
    )
    assert result.strength == 0.5
    assert result.n_pictures == 4
    assert result.accuracies == {0.0: 1.0 / 2, 0.5: 1.0, 1.0: 1.0}
    assert math.isclose(result.log_losses[0.5], -math.log(0.8), rel_tol=1e-6)


def test_answers_that_are_too_sure_are_told_at_the_temperature_that_suits_them(chosen):
    too_sure = logits_of(0.99, 0.99, 0.99, 0.05)

    def log_loss(temperature):
        return float(torch.nn.functional.cross_entropy(too_sure / temperature, LABELS))

    result = chosen({0.0: logits_of(*[0.1] * 4), 1.0: too_sure})

    assert (result.strength, result.calibration.temperature) == (1.0, 2.0)
    assert math.isclose(result.log_losses[1.0], log_loss(2.0), rel_tol=1e-5)
    assert log_loss(2.0) < log_loss(1.5) < log_loss(1.0)


def test_as_many_quarters_are_left_out_as_it_takes_to_ask_eighty_pictures():
    def sizes(n_ways, n_shots):
        parts = left_out_parts(torch.arange(n_ways).repeat_interleave(n_shots))
        return [len(part) for part in parts]

    assert sizes(20, 16) == [80]
    assert sizes(10, 16) == [40, 40]
    assert sizes(10, 4) == [10] * 4
    assert sizes(10, 3) == [10] * 3


def drawn(n_shot, spread, seed):
    """Pictures of classes of a known spread, class by class."""
    means = normalize(torch.randn(N_WAY, 64, generator=torch.Generator().manual_seed(0)), dim=-1)
    noise = torch.randn(N_WAY, n_shot, 64, generator=torch.Generator().manual_seed(seed))
    return normalize(means[:, None] + spread * noise, dim=-1)


def adapter_of_typical_pictures():
    """It was predicted from pictures that are closer to their classes than all others."""
    return predict_adapter(
        load_generator("default"), Support.of_tasks(drawn(N_SHOT, 0.08, 1)[None])
    )


def left_out(weights, spread):
    rows = drawn(8, spread, 2).flatten(0, 1).double()
    return LeftOutPart(weights, rows, torch.arange(N_WAY).repeat_interleave(8))


def test_thresholds_are_lowered_to_what_left_out_pictures_reach():
    weights = adapter_of_typical_pictures()
    new = drawn(200, 0.4, 3).flatten(0, 1).double()
    labels = torch.arange(N_WAY).repeat_interleave(200)

    result = calibrate([left_out(weights, 0.4)], 1.0)

    def kept(adapter):
        passed = known_probabilities(new, adapter) >= known_threshold(adapter)
        shares = LeftOutPart(adapter, new, labels).logits.softmax(-1)
        held = prediction_sets(shares, adapter, 0.95)[torch.arange(len(labels)), labels]
        return float(passed.double().mean()), float(held.double().mean())

    (passed, held), (passed_before, held_before) = kept(calibrated(weights, result)), kept(weights)
    assert passed_before < 0.8
    assert passed > 0.88
    assert held_before < 0.9 < held


def test_shift_and_scale_are_those_of_quantiles_by_hand():
    weights = adapter_of_typical_pictures()
    parts = [left_out(weights, 0.2), left_out(weights.tempered(0.9), 0.25)]

    result = calibrate(parts, 1.25)

    known, own = [], []
    for part in parts:
        cool = part.weights.tempered(1.25)
        probability = known_probabilities(part.rows, cool).numpy()
        known.extend(np.log(probability / (1 - probability)))
        shares = (part.logits / 1.25).softmax(-1).numpy()
        own.extend(np.log(shares[np.arange(len(part.labels)), part.labels]))
    levels = (0.5, 0.25, 0.1, 0.05)
    predicted = weights.known_quantiles[:4].numpy()
    np.testing.assert_allclose(
        result.known_shift, np.mean(np.quantile(known, levels) - predicted), rtol=1e-5
    )
    expected = np.quantile(own, levels).sum() / weights.own_quantiles[:4].numpy().sum()
    np.testing.assert_allclose(result.own_scale, max(1.0, expected), rtol=1e-5)
    assert result.temperature == 1.25


def test_an_adapter_without_such_a_head_keeps_its_temperature_alone():
    names = ("likeness", "likeness_bias", "known")
    names += ("known_quantiles", "own_quantiles", "reject_threshold")
    weights = replace(adapter_of_typical_pictures(), **dict.fromkeys(names))
    result = calibrate([left_out(weights, 0.2)], 1.5)
    assert (result.temperature, result.known_shift, result.own_scale) == (1.5, 0.0, 1.0)
    assert calibrated(weights, result).known_head is None
