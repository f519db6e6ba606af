"""Predictions for the labelled pictures, each without it, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.generator.known_scalars import likeness, of_left_out
from metaadapter.generator.leave_one_out import LeftOut
from metaadapter.generator.network import Corrections
from metaadapter.generator.regression import Regression, kernel_ridge, left_out_residuals


@dataclass(frozen=True, slots=True)
class LeftOutPredictions:
    """Predictions for the m labelled pictures of one task, in the order of `labelled_rows`.

    Each picture is predicted as if it were not labelled.
    """

    log_p: Float[Tensor, "m N"]
    """The log-probability of each class, −∞ for classes that are masked out."""
    known: Float[Tensor, " m"]
    """The probability of known."""
    counts: Bool[Tensor, " m"]
    """True if the picture's class has other pictures; else only its name would be left."""


def left_out_predictions(
    problem: Regression, corrections: Corrections, weights: AdapterWeights
) -> LeftOutPredictions:
    """Predict each picture of one task without it; none with more than `most_kernel_rows` pictures.

    The network's corrections stay those of the whole task, so the result is close to an adapter
    predicted from the other pictures (figures: docs/explanation/advice.md). With A the values of
    the cache, N the noise and κ the temperature, the logits of picture m fall by
    κ A_m (1 / [(K + N)⁻¹]_mm − N_m) (Rasmussen and Williams 2006, equation 5.12).
    """
    noise_TM = problem.take(problem.noise_TX(corrections.log_noise_TNK))
    values_and_factor = kernel_ridge(
        problem.distance_TMM,
        problem.present_TM,
        problem.residual_TMN(problem.prior_TND(corrections.log_trust_TN)),
        noise_TM,
        problem.sharpness_T(corrections.log_sharpness_T),
    )
    fitted_TMN = noise_TM[..., None] * values_and_factor[0]
    change_TMN = fitted_TMN - left_out_residuals(*values_and_factor)
    raw = problem.support.raw
    logits_TMN = classify(problem.rows_of(raw.rows_TMD), weights)
    logits_TMN = logits_TMN + weights.logit_scale[:, None, None] * change_TMN
    targets_TMN = problem.targets_TMN
    several_TN1 = (problem.support.n_shot_TN > 1).to(targets_TMN)[..., None]
    left_out = LeftOut(
        logits_TMN.log_softmax(-1),
        is_own_TMN=targets_TMN > 0,
        counts_TM=(targets_TMN @ several_TN1)[..., 0] > 0,
        scale_T=weights.logit_scale,
        base_scale_T=weights.logit_scale,
    )
    like_TM, doubt_TM = of_left_out(problem, likeness(problem).left_out_TXN, left_out)
    assert weights.known is not None  # the generator always predicts the known head
    evidence_TM2 = torch.stack([like_TM, doubt_TM], -1).to(weights.known)
    known_TM = (evidence_TM2 @ weights.known[:, :2, None])[..., 0] + weights.known[:, 2:]
    # The places with a picture come first, class by class, as the labelled rows do.
    present_M = problem.present_TM[0].cpu()
    parts = left_out.log_p_TMN, known_TM.sigmoid(), left_out.counts_TM
    return LeftOutPredictions(*(part[0].cpu()[present_M] for part in parts))
