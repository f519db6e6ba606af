"""Calibration of adapters on a tower that was trained on their own support."""

from __future__ import annotations

from dataclasses import replace

from metaadapter.adapter.known import FRACTIONS
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.features.towers.config import Calibration


def calibrated(weights: AdapterWeights, calibration: Calibration) -> AdapterWeights:
    """Return an adapter whose confidence is right for new pictures, as left-out ones showed.

    The calibration is measured for support pictures that the tower was trained on; with another
    support it is a guess.
    """
    return with_calibrated_head(weights.tempered(calibration.temperature), calibration)


def with_calibrated_head(weights: AdapterWeights, calibration: Calibration) -> AdapterWeights:
    """Return an adapter with corrected thresholds of known and of sets; the rest stays."""
    head = weights.known_head
    if head is None:
        return weights
    known_quantiles = head.known_quantiles + calibration.known_shift
    return replace(
        weights,
        known_quantiles=known_quantiles,
        own_quantiles=head.own_quantiles * calibration.own_scale,
        reject_threshold=known_quantiles[..., FRACTIONS.index(0.95)].sigmoid(),
    )
