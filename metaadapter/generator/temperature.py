"""The inverse temperature of an adapter, from its predictions of left-out pictures."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

# The standard deviation of the prior of ln κ; the reach and the size of the grid around its mean.
PRIOR_DEVIATION = 0.4
FARTHEST, N_SCALES = 1.2, 25
# Predictions for so few rows at all temperatures take less memory than a kernel.
ROWS_AT_ONCE = 64


def log_likelihood(
    scores_TMN: Float[Tensor, "T M N"],
    is_own_TMN: Bool[Tensor, "T M N"],
    counts_TM: Bool[Tensor, "T M"],
    base_T: Float[Tensor, " T"],
) -> Float[Tensor, "T S"]:
    """Return the log-likelihood of softmax(κ · scores) at each κ of the grid around `base_T`.

    Only pictures that count are used.
    """
    scale_TS1 = (base_T[:, None] * _steps_S(base_T).exp())[..., None]
    log_sums = [
        (scale_TS1[..., None] * chunk[:, None]).logsumexp(-1)
        for chunk in torch.split(scores_TMN, ROWS_AT_ONCE, dim=1)
    ]
    own_TM = torch.where(is_own_TMN, scores_TMN, 0.0).sum(-1)
    log_p_TSM = scale_TS1 * own_TM[:, None] - torch.cat(log_sums, -1)
    return torch.where(counts_TM[:, None], log_p_TSM, 0.0).sum(-1)


def posterior_scale(
    likelihood_TS: Float[Tensor, "T S"], base_T: Float[Tensor, " T"]
) -> Float[Tensor, " T"]:
    """Return the inverse temperature κ that fits left-out predictions.

    ln κ is a posterior mean on a grid. The prior is normal around ln base_T.
    """
    steps_S = _steps_S(base_T)
    weights_TS = (likelihood_TS - 0.5 * (steps_S / PRIOR_DEVIATION) ** 2).softmax(-1)
    return base_T * (weights_TS @ steps_S).exp()


def _steps_S(base_T: Float[Tensor, " T"]) -> Float[Tensor, " S"]:
    return torch.linspace(-FARTHEST, FARTHEST, N_SCALES, dtype=base_T.dtype).to(base_T)
