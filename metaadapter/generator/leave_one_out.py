"""Leave-one-out predictions of the untrained closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.regression import Regression, kernel_ridge, left_out_residuals
from metaadapter.generator.temperature import posterior_scale

# With less noise than this, a Cholesky factorisation in single precision would fail.
LEAST_NOISE = 1e-3


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Predictions for the pictures at the M places of T tasks, each by a fit to the others."""

    log_p_TMN: Float[Tensor, "T M N"]
    """Log-probabilities of the classes, −∞ for classes that are masked out."""
    is_own_TMN: Bool[Tensor, "T M N"]
    """True at the class that the picture is labelled with."""
    counts_TM: Bool[Tensor, "T M"]
    """True if the picture's class has other pictures; without them, only its name is left."""
    scale_T: Float[Tensor, " T"]
    """The inverse temperature that fits these predictions; the base where no picture counts."""
    base_scale_T: Float[Tensor, " T"]
    """The inverse temperature before these predictions are seen."""


def leave_one_out(problem: Regression) -> LeftOut:
    """Predict each picture by the closed form of the others, and fit the temperature to this."""
    support, base_T = problem.support, problem.base_scale_T
    dtype = support.shots_TNKD.dtype
    targets_TMN, prior_TND = problem.targets_TMN.to(dtype), problem.prior_TND()
    values_and_factor = kernel_ridge(
        problem.distance_TMM.to(dtype),
        problem.present_TM,
        problem.residual_TMN(prior_TND).to(dtype),
        problem.take(problem.noise_TX()).to(dtype).clamp(min=LEAST_NOISE),
        problem.sharpness_T().to(dtype),
    )
    scores_TMN = targets_TMN - left_out_residuals(*values_and_factor)
    scores_TMN = scores_TMN + problem.above_other_names(problem.predicted_TMN(prior_TND)).to(dtype)
    scores_TMN = scores_TMN.masked_fill(~support.raw.class_mask_TN[:, None], -torch.inf)
    several_TN = (support.n_shot_TN > 1).to(dtype)
    counts_TM = (targets_TMN @ several_TN[..., None])[..., 0] > 0
    is_own_TMN = targets_TMN > 0
    weakening_T = weakening(support, problem.constants.weakening)
    scores_TMN = weakening_T[:, None, None] * scores_TMN
    scale_T = posterior_scale(scores_TMN, is_own_TMN, counts_TM, base_T)
    log_p_TMN = (scale_T[:, None, None] * scores_TMN).log_softmax(-1)
    return LeftOut(log_p_TMN, is_own_TMN, counts_TM, scale_T, base_T)


def weakening(support: CanonicalSupport, power: float) -> Float[Tensor, " T"]:
    """Return (1 − 1/K)^power, the factor on left-out scores, whose class lacks one of K shots."""
    several_TN = support.n_shot_TN > 1
    total_T = (support.n_shot_TN * several_TN).sum(-1)
    n_shot_T = (total_T / several_TN.sum(-1).clamp(min=1)).clamp(min=2)
    return (1 - 1 / n_shot_T) ** power
