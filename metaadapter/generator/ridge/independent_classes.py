"""The closed form for pictures with several labels: classes that are independent of one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.errors import DataError
from metaadapter.generator.block_weights import weighed
from metaadapter.generator.network_share import usual_shots
from metaadapter.generator.ridge.closed_form import ClosedForm
from metaadapter.generator.ridge.dual_ridge import dual_ridge, left_out_residuals
from metaadapter.generator.ridge.regression import regression

MOST_PICTURES = 4096
"""A matrix of the inner products of more pictures takes minutes to factor."""
TRUST = 0.5
"""The factor on the trust in texts: a picture of several classes matches the name of none fully.
It was chosen on composed pictures of two validation sets (docs/explanation/several-labels.md)."""
NOISE_SHOTS = 2.0
"""With more positives a class than this, the noise falls: the features of a picture of several
things are near the mean of theirs, which the regression takes apart."""
USUAL_SLOPE, SLOPE_DEVIATION = 8.0, 6.0
"""The normal prior of the slope that all classes share."""
LEAST_SLOPE = 0.3
"""Scores of left-out pictures may tell nothing, or the contrary; the slope stays above 0."""
SHARPENING = 0.55
"""With K positives a class the logarithm of the slope grows by this / K: a left-out positive leaves
only K − 1 behind, so its score is lower than that of a new picture. What chose it and its
neighbours is in docs/explanation/several-labels.md."""
BIAS_DEVIATION = 0.3
"""The deviation of the prior of the bias of a class around that of all classes."""
COMMON_DEVIATION = 1.0
"""The deviation of the prior of the bias that all classes share."""
STEPS = 50
POSITIVES = 1.0
"""So many positives of a class count as much as the threshold of all classes together."""


@dataclass(frozen=True, slots=True)
class IndependentClasses:
    """The adapter of a task with several labels, and what it predicts for its own pictures."""

    weights: AdapterWeights
    left_out_NC: Float[Tensor, "n C"]
    """The probability of each class for each picture, by a regression on the other pictures."""


@torch.no_grad()
def independent_classes(support: Support, constants: ClosedForm) -> IndependentClasses:
    """Predict an adapter of one task whose classes are independent: p = σ(logit).

    The support, in which a picture of several classes is in each, gives the canonical coordinates z
    and the prior vectors w, as for one label. The score of class c is
    w_c · z + Σ_m a_mc z_m · z + μ_c, where μ_c is the share of pictures that show it, and a solves
    the ridge with targets 1 and 0. The scores of left-out pictures decide slopes,
    biases and thresholds; they are compared with the mean of the other pictures, as those of new
    pictures are with μ_c.

    Raises:
        DataError: There are too many pictures, or a class is in none.
    """
    rows_ND, is_shown_NC = support.pictures()
    _require(is_shown_NC)
    problem = regression(weighed(support.exact), constants)
    canonical = problem.support
    rows_ND = rows_ND.to(canonical.shots_TNKD)
    centre_D, scale_D = canonical.image_centre_TD[0], canonical.scale_TD[0]
    z_ND = (rows_ND - centre_D) * scale_D
    prior_CD = TRUST * problem.prior_TND()[0]
    n, shows_NC = len(z_ND), is_shown_NC.to(z_ND)
    mean_C = shows_NC.mean(0)
    usual_T = usual_shots(canonical.n_shot_TN).to(z_ND)
    noise = constants.ridge * float((NOISE_SHOTS / usual_T).clamp(max=1).sqrt())
    wanted_NC = shows_NC - mean_C - z_ND @ prior_CD.mT
    values_TNX, factor_TNN = dual_ridge(
        (z_ND @ z_ND.mT + constants.intercept)[None],
        wanted_NC.new_ones(1, n, dtype=torch.bool),
        torch.cat([wanted_NC, wanted_NC.new_ones(n, 1)], 1)[None],
        wanted_NC.new_full((1, n), noise),
    )
    values_NC = values_TNX[0, :, :-1]
    residual_NX = left_out_residuals(values_TNX, factor_TNN)[0]
    # The mean of the other pictures is lower by the fall. Their targets then grow by it, and the
    # left-out score by the fall times what they predict with all targets 1.
    fall_NC = (shows_NC - mean_C) / max(1, n - 1)
    above_NC = shows_NC - mean_C - residual_NX[:, :-1] + fall_NC * (1 - residual_NX[:, -1:])
    calibration = calibrate_labels(above_NC, is_shown_NC)
    slope = calibration.slope
    raw_CD = (prior_CD + values_NC.mT @ z_ND) * scale_D
    level_C = constants.intercept * values_NC.sum(0) - raw_CD @ centre_D
    bias_C = calibration.bias_C + slope * level_C
    weights = AdapterWeights(
        classes=raw_CD[None],
        class_bias=bias_C[None],
        logit_scale=slope[None],
        label_thresholds=calibration.threshold_C[None],
    )
    return IndependentClasses(weights, calibration.left_out_NC)


def _require(is_shown_NC: Bool[Tensor, "n C"]) -> None:
    if len(is_shown_NC) > MOST_PICTURES:
        raise DataError(
            f"several labels take at most {MOST_PICTURES} pictures, got {len(is_shown_NC)}; give "
            "fewer"
        )
    if not is_shown_NC.any(0).all():
        raise DataError("expected a picture of each class; leave out classes without one")


class LabelCalibration(NamedTuple):
    """The map of the scores of C classes to p = σ(slope · above + bias), and a threshold for each.

    A score is `above` the share of the labelled pictures that show its class.
    """

    slope: Float[Tensor, ""]
    bias_C: Float[Tensor, " C"]
    threshold_C: Float[Tensor, " C"]
    left_out_NC: Float[Tensor, "n C"]
    """The probabilities of the left-out pictures."""


def calibrate_labels(
    above_NC: Float[Tensor, "n C"], shows_NC: Bool[Tensor, "n C"]
) -> LabelCalibration:
    """Return the most probable slope and biases, given the scores of left-out pictures.

    All classes share a slope, since one or two positives do not tell the slope of a class. The
    logit is slope · above + ln odds of μ + bias, where μ is the share of pictures with the class.
    Then the slope is sharpened, and the biases are found again. A class with one positive has
    only its name left without it, and does not count for the slope.
    """
    above_NC, target_NC = above_NC.double(), shows_NC.double()
    n_positive_C = target_NC.sum(0)
    odds_C = torch.logit((n_positive_C + 0.5) / (len(target_NC) + 1))
    counts_C = n_positive_C > 1
    slope = _fit(above_NC, odds_C, target_NC, counts_C, None)[0].clamp(min=LEAST_SLOPE)
    usual = len(n_positive_C) / (1 / n_positive_C.clamp(min=1)).sum()
    slope = slope * (SHARPENING / usual).exp()
    offsets = _fit(above_NC, odds_C, target_NC, torch.ones_like(counts_C), slope)
    bias_C = odds_C + offsets[1] + offsets[2:]
    p_NC = (slope * above_NC + bias_C).sigmoid()
    return LabelCalibration(slope, bias_C, best_thresholds(p_NC, n_positive_C), p_NC)


def _fit(
    above_NC: Float[Tensor, "n C"],
    odds_C: Float[Tensor, " C"],
    target_NC: Float[Tensor, "n C"],
    counts_C: Bool[Tensor, " C"],
    slope: Float[Tensor, ""] | None,
) -> Float[Tensor, " P"]:
    """Return the slope, the common bias and the bias of each class, by Newton's method.

    The posterior is concave. Classes that do not count keep their prior; a given slope is kept.
    """
    mean = above_NC.new_zeros(2 + len(odds_C))
    mean[0] = USUAL_SLOPE if slope is None else slope
    deviation = torch.full_like(mean, BIAS_DEVIATION)
    deviation[0] = SLOPE_DEVIATION if slope is None else 1e-6
    deviation[1] = COMMON_DEVIATION
    estimate = mean.clone()
    for _ in range(STEPS):
        p_NC = (estimate[0] * above_NC + odds_C + estimate[1] + estimate[2:]).sigmoid()
        slack_NC = counts_C * (p_NC - target_NC)
        of_slope, of_class_C = (slack_NC * above_NC).sum(), slack_NC.sum(0)
        gradient = torch.cat([torch.stack([of_slope, of_class_C.sum()]), of_class_C])
        gradient = gradient + (estimate - mean) / deviation**2
        hessian = _hessian(counts_C * p_NC * (1 - p_NC), above_NC)
        step = torch.linalg.solve(hessian + torch.diag(deviation**-2), gradient)
        # A longer step could overshoot where all probabilities are near 0 or 1.
        estimate = estimate - step * (1 / step.abs().amax().clamp(min=1))
        if step.abs().amax() < 1e-9:
            break
    return estimate


def _hessian(
    curve_NC: Float[Tensor, "n C"], above_NC: Float[Tensor, "n C"]
) -> Float[Tensor, "P P"]:
    along_C, per_C = (curve_NC * above_NC).sum(0), curve_NC.sum(0)
    hessian = torch.diag(torch.cat([per_C.new_zeros(2), per_C]))
    hessian[0, 0] = (curve_NC * above_NC.square()).sum()
    hessian[0, 1] = hessian[1, 0] = along_C.sum()
    hessian[0, 2:] = hessian[2:, 0] = along_C
    hessian[1, 1] = per_C.sum()
    hessian[1, 2:] = hessian[2:, 1] = per_C
    return hessian


def best_thresholds(
    p_NC: Float[Tensor, "n C"], n_positive_C: Float[Tensor, " C"]
) -> Float[Tensor, " C"]:
    """Return the threshold of each class with the largest expected F1 (Lipton et al. 2014).

    The best threshold is half of the best F1. The expectation is over the probabilities of the
    pictures; that of a class with few positives moves towards that of all classes together.
    """
    own_C = _best_f1(p_NC) / 2
    common = _best_f1(p_NC.reshape(-1, 1)) / 2
    share_C = n_positive_C / (n_positive_C + POSITIVES)
    return share_C * own_C + (1 - share_C) * common


def _best_f1(p_NC: Float[Tensor, "n C"]) -> Float[Tensor, " C"]:
    """Return max over k of 2 Σ_(k largest) p / (k + Σ p), the largest expected F1."""
    sorted_NC = p_NC.sort(0, descending=True).values
    count_N1 = torch.arange(1, len(p_NC) + 1).to(p_NC)[:, None]
    best: Tensor = (2 * sorted_NC.cumsum(0) / (count_N1 + p_NC.sum(0))).amax(0)
    return best
