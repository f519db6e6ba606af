"""The inverse temperature of an adapter, from its predictions of left-out pictures."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.generator.chunks import row_chunks

# The standard deviation of the prior of ln κ; the reach and the step of the grid around its mean.
PRIOR_DEVIATION = 0.4
FARTHEST, STEP = 1.2, 0.1
FARTHEST_OF_LARGE = 3.6
"""The reach for large tasks, whose pictures outweigh the prior."""
COARSE = 6
"""So many steps apart the likelihood of large tasks is computed first."""
NEGLIGIBLE = 40.0
"""Values whose logarithm is so much smaller than the largest change no digit of the mean."""
NUMBERS_AT_ONCE = 2**17
"""So many scores at one temperature stay in a processor's cache."""


def log_likelihood(
    scores_TMN: Float[Tensor, "T M N"],
    own_TM: Int[Tensor, "T M"],
    weight_TM: Float[Tensor, "T M"],
    scale_TS: Float[Tensor, "T S"],
) -> Float[Tensor, "T S"]:
    """Return the log-likelihood of the classes `own_TM` by softmax(κ · scores), at each κ.

    The log-probability of a picture is multiplied by its weight; 0 leaves the picture out.
    """
    total_TS = torch.zeros_like(scale_TS)
    in_base_2_ST11 = (scale_TS / math.log(2)).mT[..., None, None]
    per_row = len(scores_TMN) * scores_TMN.shape[2]
    for rows in row_chunks(scores_TMN.shape[1], per_row, NUMBERS_AT_ONCE):
        scores_TRN, own_TR1 = scores_TMN[:, rows], own_TM[:, rows, None]
        below_TRN = scores_TRN - scores_TRN.amax(-1, keepdim=True)
        own_TR = below_TRN.gather(-1, own_TR1)[..., 0]
        # Much faster than exp, above all where the result is almost 0.
        sums = [(scale * below_TRN).exp2().sum(-1) for scale in in_base_2_ST11]
        log_p_TSR = scale_TS[..., None] * own_TR[:, None] - torch.stack(sums, 1).log()
        weight_T1R = weight_TM[:, None, rows]
        total_TS = total_TS + torch.where(weight_T1R > 0, log_p_TSR * weight_T1R, 0.0).sum(-1)
    return total_TS


def likelihood_on_grid(
    likelihood: Callable[[Float[Tensor, " S"]], Float[Tensor, "T S"]],
    steps_S: Float[Tensor, " S"],
) -> Float[Tensor, "T S"]:
    """Return the log-likelihood of large tasks at all steps, −∞ where it is negligible.

    The likelihood is concave in κ, so between two steps it is at most the larger of their values,
    except next to the largest one.
    """
    n_steps = len(steps_S)
    coarse_S = torch.arange(n_steps, device=steps_S.device) % COARSE == 0
    values_TC, prior_C = likelihood(steps_S[coarse_S]), log_prior(steps_S[coarse_S])
    bound_TC = values_TC[:, 1:].maximum(values_TC[:, :-1]) + prior_C[1:].maximum(prior_C[:-1])
    best_T1 = values_TC.argmax(-1, keepdim=True)
    intervals_C = torch.arange(bound_TC.shape[1], device=steps_S.device)
    wanted_TC = (intervals_C == best_T1) | (intervals_C == best_T1 - 1)
    wanted_TC |= bound_TC > (values_TC + prior_C).amax(-1, keepdim=True) - NEGLIGIBLE
    wanted_S = torch.zeros_like(coarse_S)
    wanted_S[:-1] = wanted_TC.any(0).repeat_interleave(COARSE)
    wanted_S &= ~coarse_S
    result_TS = values_TC.new_full((len(values_TC), n_steps), -torch.inf)
    result_TS[:, coarse_S], result_TS[:, wanted_S] = values_TC, likelihood(steps_S[wanted_S])
    return result_TS


def log_prior(steps_S: Float[Tensor, " S"]) -> Float[Tensor, " S"]:
    """Return the logarithm of the prior of ln κ, up to a constant."""
    return -0.5 * (steps_S / PRIOR_DEVIATION) ** 2


def posterior_scale(
    likelihood: Callable[[Float[Tensor, " S"]], Float[Tensor, "T S"]],
    base_T: Float[Tensor, " T"],
    *,
    is_large: bool,
) -> Float[Tensor, " T"]:
    """Return the inverse temperature κ that fits left-out predictions.

    ln κ is a posterior mean on a grid. The prior is normal around ln base_T. `likelihood` gives the
    log-likelihood of the labels at steps of ln κ from there.
    """
    farthest = FARTHEST_OF_LARGE if is_large else FARTHEST
    n_steps = 1 + 2 * round(farthest / STEP)
    steps_S = torch.linspace(-farthest, farthest, n_steps, dtype=base_T.dtype, device=base_T.device)
    log_p_TS = likelihood_on_grid(likelihood, steps_S) if is_large else likelihood(steps_S)
    weights_TS = (log_p_TS + log_prior(steps_S)).softmax(-1)
    return base_T * (weights_TS @ steps_S).exp()
