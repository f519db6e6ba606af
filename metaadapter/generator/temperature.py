"""The temperature of an adapter: how confident its predictions should be, by left-out pictures."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport

# The deviation of the prior of ln κ, and the grid of ln κ around its base.
PRIOR_DEVIATION = 0.4
FARTHEST, N_SCALES = 1.2, 25
# So few that the predictions at all temperatures take less memory than a kernel.
ROWS_AT_ONCE = 64


def weakening(support: CanonicalSupport, power: float) -> Float[Tensor, " T"]:
    """Return (1 − 1/K)^power, by which left-out scores are weaker than those of all K shots."""
    several_TN = support.n_shot_TN > 1
    total_T = (support.n_shot_TN * several_TN).sum(-1)
    n_shot_T = (total_T / several_TN.sum(-1).clamp(min=1)).clamp(min=2)
    return (1 - 1 / n_shot_T) ** power


def posterior_scale(
    scores_TMN: Float[Tensor, "T M N"],
    is_own_TMN: Bool[Tensor, "T M N"],
    counts_TM: Bool[Tensor, "T M"],
    base_T: Float[Tensor, " T"],
) -> Float[Tensor, " T"]:
    """Return the inverse temperature κ that fits left-out predictions.

    ln κ is its posterior mean over a grid, with the likelihood of softmax(κ scores) for the
    pictures that count and a normal prior around the logarithm of the base.

    Args:
        scores_TMN: The left-out predictions, before any temperature.
        is_own_TMN: True at the class that a picture is labelled with.
        counts_TM: True for pictures that count.
        base_T: κ before any evidence.
    """
    steps_S = torch.linspace(-FARTHEST, FARTHEST, N_SCALES, dtype=base_T.dtype).to(base_T)
    scale_TS1 = (base_T[:, None] * steps_S.exp())[..., None]
    log_sums = [
        (scale_TS1[..., None] * chunk[:, None]).logsumexp(-1)
        for chunk in torch.split(scores_TMN, ROWS_AT_ONCE, dim=1)
    ]
    own_TM = torch.where(is_own_TMN, scores_TMN, 0.0).sum(-1)
    log_p_TSM = scale_TS1 * own_TM[:, None] - torch.cat(log_sums, -1)
    likelihood_TS = torch.where(counts_TM[:, None], log_p_TSM, 0.0).sum(-1)
    weights_TS = (likelihood_TS - 0.5 * (steps_S / PRIOR_DEVIATION) ** 2).softmax(-1)
    return base_T * (weights_TS @ steps_S).exp()
