"""How sure adapters are that are predicted from the pictures that their tower was trained on."""

from __future__ import annotations

from dataclasses import replace

from metaadapter.adapter.known import KEPT
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.features.towers.config import Calibration


def calibrated(weights: AdapterWeights, calibration: Calibration) -> AdapterWeights:
    """Make a predicted or refined adapter as sure of new pictures as left-out ones bear out.

    The calibration is for pictures that the tower was trained on; for others it is a guess.
    """
    return with_calibrated_head(weights.tempered(calibration.temperature), calibration)


def with_calibrated_head(weights: AdapterWeights, calibration: Calibration) -> AdapterWeights:
    """Correct the thresholds of being known and of sets, and nothing else of the adapter."""
    head = weights.known_head
    if head is None:
        return weights
    known_quantiles = head.known_quantiles + calibration.known_shift
    return replace(
        weights,
        known_quantiles=known_quantiles,
        own_quantiles=head.own_quantiles * calibration.own_scale,
        reject_threshold=known_quantiles[..., KEPT.index(0.95)].sigmoid(),
    )
