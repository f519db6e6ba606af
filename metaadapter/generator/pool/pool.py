"""Pools: how the unlabelled pictures of a task change its adapter (docs/explanation/pool.md)."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.generator.canonical import masked_mean
from metaadapter.generator.domain_shift import DomainShift
from metaadapter.generator.network import Corrections
from metaadapter.generator.pool.pool_network import FinalCorrections, PoolNetwork
from metaadapter.generator.pool.pool_rounds import FIRST_POWER, assign_pool, sharpness_of
from metaadapter.generator.pool.pool_scalars import PoolMeans
from metaadapter.generator.pool.pool_temperature import sharpened
from metaadapter.generator.ridge.regression import Regression

REACH = 1.2
"""The length of the class means in the prior of the regression."""
REGRESSION_SHOTS = 1.5
"""The regression's inverse temperature is proportional to K / (K + this), with K the shots."""
MIXTURE_SCALE = 0.4
"""The inverse temperature of the mixture of means and first probabilities."""


def with_pool(
    problem: Regression,
    corrections: Corrections,
    weights: AdapterWeights,
    shift: DomainShift,
    network: PoolNetwork,
) -> AdapterWeights:
    """Return the adapters of tasks with their pools; a task without a pool keeps its adapter.

    Rounds of expectation-maximisation, anchored at the labelled pictures, assign the pool to the
    classes. With r_uc the share of picture u that class c gets and μ_c the class means,

        r_uc ∝ π_c p_c(u)² exp(10 ⟨û, μ_c⟩),   μ_c ∝ Σ_k â_ck + Σ_u r_uc û,

    where p is the prediction without a pool, π the shares of the classes and a_ck the labelled
    pictures. A hat subtracts the mean of the class means and scales to length 1. Then the class
    means enter the prior of the regression, which is solved again, and form a mixture with p. The
    adapter weighs both: even shares favour the regression, because means mislead it if few classes
    take most of the pool. The network corrects all constants; untrained, it changes none.
    """
    support = problem.support
    pool_TUD, mask_TU = support.raw.pool_TUD, support.raw.pool_mask_TU
    if pool_TUD is None or mask_TU is None or not mask_TU.any():
        return weights
    pool_TUD = pool_TUD.masked_fill(~mask_TU[..., None], 0.0)
    # Without labelled pictures the adapter is centred on the mean of the pool.
    centre_TD = pool_TUD.sum(1) / mask_TU.sum(1, keepdim=True).clamp(min=1)
    shift_TN = weights.logit_scale[:, None] * (weights.classes @ centre_TD[..., None])[..., 0]
    shift_TN = torch.where(support.image_mask_TN.any(-1)[:, None], 0.0, shift_TN)
    first = replace(weights, class_bias=weights.class_bias - shift_TN)
    means, even_T, final = assign_pool(problem, classify(pool_TUD, first), pool_TUD, shift, network)
    by_regression_T = support.image_mask_TN.any(-1) & (not problem.is_large)
    trust_T = (even_T + final.trust_T).sigmoid() * by_regression_T
    changed = _changed(problem, corrections, first, means, trust_T, final)
    changed = changed.to(dtype=support.shots_TNKD.dtype)
    reach_T = masked_mean(final.reach_TN[..., None], support.raw.class_mask_TN)[:, 0]
    changed = sharpened(
        changed,
        classify(pool_TUD, changed),
        support.raw,
        -reach_T * trust_T,
        shift.probability_T,
    )
    return changed.where(mask_TU.any(-1), weights).to(dtype=support.shots_TNKD.dtype)


def _changed(
    problem: Regression,
    corrections: Corrections,
    first: AdapterWeights,
    means: PoolMeans,
    trust_T: Float[Tensor, " T"],
    final: FinalCorrections,
) -> AdapterWeights:
    """Return one adapter with the weight `trust_T` for the regression, the rest for the mixture."""
    support = problem.support
    n_shot_T = support.raw.n_shot_T.to(trust_T)
    by_regression_T = trust_T * n_shot_T / (n_shot_T + REGRESSION_SHOTS)
    by_regression_T = by_regression_T * final.regression_T.exp()
    by_mixture_T = (1 - trust_T) * MIXTURE_SCALE * final.mixture_T.exp()
    first_power_T = FIRST_POWER * final.first_power_T.exp()
    of_first_T = by_regression_T + by_mixture_T * first_power_T
    reach_TN = REACH * final.reach_TN.exp()
    along_TN = (by_regression_T * first.logit_scale)[:, None] * reach_TN
    along_TN = along_TN + (by_mixture_T * sharpness_of(problem) / means.usual_length_T)[:, None]

    vectors_TND = along_TN[..., None] * means.mean_TND
    at_own_centre_TN = (vectors_TND @ means.centre_TD[..., None])[..., 0]
    scale_T1 = first.logit_scale[:, None]
    change_TND = _ridge_change(problem, corrections, means, reach_TN).to(vectors_TND)
    vectors_TND = vectors_TND + (by_regression_T[:, None] * scale_T1)[..., None] * change_TND
    raw_TND = vectors_TND * support.scale_TD[:, None]
    at_centre_TN = (raw_TND @ support.image_centre_TD[..., None])[..., 0] + at_own_centre_TN
    mask_TN = support.raw.class_mask_TN
    bias_TN = first.class_bias.masked_fill(~mask_TN, 0.0) * of_first_T[:, None]
    bias_TN = bias_TN - at_centre_TN + final.bias_TN
    return replace(
        first,
        classes=of_first_T[:, None, None] * first.classes + raw_TND / scale_T1[..., None],
        class_bias=bias_TN.masked_fill(~mask_TN, -torch.inf),
    )


def _ridge_change(
    problem: Regression, corrections: Corrections, means: PoolMeans, reach_TN: Float[Tensor, "T N"]
) -> Float[Tensor, "T N D"]:
    """Return how the regression changes its vectors if the class means enter its prior."""
    reach_TND = (reach_TN[..., None] * means.mean_TND).to(problem.targets_TMN)
    at_centre_T1N = (reach_TND @ means.centre_TD[..., None].to(reach_TND))[..., 0][:, None]
    predicted_TMN = problem.predicted_TMN(reach_TND)
    return problem.vectors_TND(
        at_centre_T1N - predicted_TMN + problem.above_other_names(predicted_TMN),
        problem.noise_TX(corrections.log_noise_TNK),
    )
