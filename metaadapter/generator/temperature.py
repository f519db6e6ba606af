"""The inverse temperature of an adapter, from its predictions of left-out pictures."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

# The standard deviation of the prior of ln κ; the reach and the step of the grid around its mean.
PRIOR_DEVIATION = 0.4
FARTHEST, STEP = 1.2, 0.1
FARTHEST_OF_LARGE = 3.6
"""The reach for tasks with too many pictures for a kernel, which outweigh the prior."""
# Predictions for so few rows at all temperatures take less memory than a kernel.
ROWS_AT_ONCE = 64


def grid_S(base_T: Float[Tensor, " T"], has_large: bool) -> Float[Tensor, " S"]:
    """Return the differences of ln κ from ln base_T at which its likelihood is computed."""
    farthest = FARTHEST_OF_LARGE if has_large else FARTHEST
    n_steps = 1 + 2 * round(farthest / STEP)
    return torch.linspace(-farthest, farthest, n_steps, dtype=base_T.dtype, device=base_T.device)


def log_likelihood(
    scores_TMN: Float[Tensor, "T M N"],
    is_own_TMN: Bool[Tensor, "T M N"],
    weight_TM: Float[Tensor, "T M"],
    base_T: Float[Tensor, " T"],
    steps_S: Float[Tensor, " S"],
) -> Float[Tensor, "T S"]:
    """Return the log-likelihood of softmax(κ · scores) at each κ of the grid around `base_T`.

    The log-probability of a picture is multiplied by its weight; 0 leaves the picture out.
    """
    scale_TS1 = (base_T[:, None] * steps_S.exp())[..., None]
    log_sums = [
        (scale_TS1[..., None] * chunk[:, None]).logsumexp(-1)
        for chunk in torch.split(scores_TMN, ROWS_AT_ONCE, dim=1)
    ]
    own_TM = torch.where(is_own_TMN, scores_TMN, 0.0).sum(-1)
    log_p_TSM = scale_TS1 * own_TM[:, None] - torch.cat(log_sums, -1)
    return torch.where(weight_TM[:, None] > 0, log_p_TSM * weight_TM[:, None], 0.0).sum(-1)


def posterior_scale(
    likelihood_TS: Float[Tensor, "T S"],
    base_T: Float[Tensor, " T"],
    steps_S: Float[Tensor, " S"],
    is_large_T: Bool[Tensor, " T"],
) -> Float[Tensor, " T"]:
    """Return the inverse temperature κ that fits left-out predictions.

    ln κ is a posterior mean on a grid. The prior is normal around ln base_T.
    """
    in_reach_TS = is_large_T[:, None] | (steps_S.abs() < FARTHEST + STEP / 2)
    weights_TS = likelihood_TS - 0.5 * (steps_S / PRIOR_DEVIATION) ** 2
    weights_TS = weights_TS.masked_fill(~in_reach_TS, -torch.inf).softmax(-1)
    return base_T * (weights_TS @ steps_S).exp()
