"""What the untrained classifier of all other pictures says of each picture of a support set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.regression import Regression, kernel_ridge, left_out_residuals

__all__ = ["LeftOut", "leave_one_out"]

# Log-normal prior of the inverse temperature around its base, and where it is looked for.
PRIOR_DEVIATION = 0.4
FARTHEST, N_SCALES = 1.2, 25
# So few that the answers at all temperatures take less memory than a kernel.
ROWS_AT_ONCE = 64
# Single precision serves here; below this noise its factors would not.
LEAST_NOISE = 1e-3


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is said of the M places for pictures of T tasks, each by a fit without that picture."""

    log_p_TMN: Float[Tensor, "T M N"]
    """Log-probabilities of the classes; −∞ for those that are not there."""
    is_own_TMN: Bool[Tensor, "T M N"]
    """Which class each picture is labelled with."""
    asked_TM: Bool[Tensor, "T M"]
    """Which pictures count: those of classes with several."""
    scale_T: Float[Tensor, " T"]
    """The inverse temperature that suits these answers; the base where no picture counts."""
    base_scale_T: Float[Tensor, " T"]
    """The inverse temperature before these answers are seen."""


def leave_one_out(problem: Regression) -> LeftOut:
    """Leave-one-out answers of the untrained closed form, and the temperature that suits them."""
    support, base_T = problem.support, problem.base_scale_T
    dtype = support.shots_TNKD.dtype
    targets_TMN = problem.targets_TMN.to(dtype)
    values_and_factor = kernel_ridge(
        problem.distance_TMM.to(dtype),
        problem.present_TM,
        problem.residual_TMN(problem.prior_TND()).to(dtype),
        problem.take(problem.noise_TX()).to(dtype).clamp(min=LEAST_NOISE),
        problem.sharpness_T().to(dtype),
    )
    answers_TMN = targets_TMN - left_out_residuals(*values_and_factor)
    answers_TMN = answers_TMN.masked_fill(~support.class_mask_TN[:, None], -torch.inf)
    several_TN = (support.n_shot_TN > 1).to(dtype)
    asked_TM = (targets_TMN @ several_TN[..., None])[..., 0] > 0
    is_own_TMN = targets_TMN > 0
    weakening_T = _weakening(support, problem.constants.weakening)
    answers_TMN = weakening_T[:, None, None] * answers_TMN
    scale_T = _posterior_scale(answers_TMN, is_own_TMN, asked_TM, base_T)
    log_p_TMN = (scale_T[:, None, None] * answers_TMN).log_softmax(-1)
    return LeftOut(log_p_TMN, is_own_TMN, asked_TM, scale_T, base_T)


def _weakening(support: CanonicalSupport, power: float) -> Float[Tensor, " T"]:
    """How much less sharp the temperature has to be for a class that lacks a picture."""
    several_TN = support.n_shot_TN > 1
    total_T = (support.n_shot_TN * several_TN).sum(-1)
    n_shot_T = (total_T / several_TN.sum(-1).clamp(min=1)).clamp(min=2)
    return (1 - 1 / n_shot_T) ** power


def _posterior_scale(
    answers_TMN: Tensor, is_own_TMN: Tensor, asked_TM: Tensor, base_T: Tensor
) -> Tensor:
    """(T,) e to the posterior mean of the logarithm of the inverse temperature, over a grid."""
    steps_S = torch.linspace(-FARTHEST, FARTHEST, N_SCALES, dtype=base_T.dtype).to(base_T)
    scale_TS1 = (base_T[:, None] * steps_S.exp())[..., None]
    log_sums = [
        (scale_TS1[..., None] * some[:, None]).logsumexp(-1)
        for some in torch.split(answers_TMN, ROWS_AT_ONCE, dim=1)
    ]
    own_TM = torch.where(is_own_TMN, answers_TMN, 0.0).sum(-1)
    log_p_TSM = scale_TS1 * own_TM[:, None] - torch.cat(log_sums, -1)
    likelihood_TS = torch.where(asked_TM[:, None], log_p_TSM, 0.0).sum(-1)
    weights_TS = (likelihood_TS - 0.5 * (steps_S / PRIOR_DEVIATION) ** 2).softmax(-1)
    return base_T * (weights_TS @ steps_S).exp()
