"""Unlabelled pictures of a task: what a pool tells of the classes, as a change of their adapter.

docs/pool.md tells how the constants were chosen and what a pool wins and costs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights, classify
from metaadapter.generator.network import Corrections
from metaadapter.generator.regression import Regression, kernel_ridge

__all__ = ["PoolForm", "with_pool"]


@dataclass(frozen=True, slots=True)
class PoolForm:
    """The constants of what a pool changes, all chosen on validation sets."""

    n_rounds: int = 8
    sharpness: float = 10.0
    """The inverse temperature of the cosine of a picture with the mean of a class."""
    bare_sharpness: float = 5.0
    """The same in a task of names alone, whose first answers are little to hold on to."""
    first_power: float = 2.0
    """The power of the probability that the adapter without a pool gives."""
    share_prior: float = 0.3
    """How many pictures of each class a pool is taken to hold before it is seen, over its own
    mean number: shares of classes are no surer than that."""
    reach: float = 1.2
    """The length of what class means add to the prior of the regression."""
    even: tuple[float, float] = (0.8, 0.95)
    """The evenness of the shares below which the regression has no say, and above which it has
    all: means that one class takes most of the pool for mislead it."""
    regression_shots: float = 1.5
    """The regression's inverse temperature grows with the shots K as K / (K + this)."""
    mixture_scale: float = 0.4
    """The inverse temperature of the answers by means and first probabilities."""


class _Means(NamedTuple):
    """The classes after the last round, in canonical coordinates."""

    mean_TND: Float[Tensor, "T N D"]
    """Unit class means of unit rows about the centre; zeros where nothing is known of a class."""
    centre_TD: Float[Tensor, "T D"]
    """The mean of the class means."""
    length_T: Float[Tensor, " T"]
    """The root mean squared distance of all pictures from the centre."""
    evenness_T: Float[Tensor, " T"]
    """e to the entropy of the classes' shares of the pool, over the number of classes."""


def with_pool(
    problem: Regression, corrections: Corrections, weights: AdapterWeights, form: PoolForm
) -> AdapterWeights:
    """The adapters of tasks with the pools in their supports; a task without one keeps its own.

    Some rounds of expectation-maximisation, anchored at the labelled pictures, assign the pool to
    the classes: with û a row about the mean of the class means, scaled to length 1,

        r_uc ∝ π_c p_c(u)² exp(10 ⟨û, μ_c⟩),   μ_c ∝ Σ_k â_ck + Σ_u r_uc û,

    where p is the answer of the adapter without a pool, π the shares of the classes and a the
    labelled pictures. The means then change the adapter twice over: they are added to the prior
    vectors of the regression, which is solved anew for what they leave of the targets, and they
    answer beside p. Evenness of the shares decides between both: means mislead the regression where
    few classes take most of the pool. Everything is a combination of rows, so an adapter comes out.
    """
    support = problem.support
    pool_TUD, mask_TU = support.raw.pool_TUD, support.raw.pool_mask_TU
    if pool_TUD is None or mask_TU is None or not mask_TU.any():
        return weights
    weights = weights.to(dtype=problem.targets_TMN.dtype)
    pool_TUD = pool_TUD.to(weights.classes).masked_fill(~mask_TU[..., None], 0.0)
    first = _centred_on_pool(weights, pool_TUD, mask_TU, support.image_mask_TN.any(-1))
    means = _rounds(problem, classify(pool_TUD, first), pool_TUD, form)
    changed = _changed(problem, corrections, first, means, form)
    with_pictures_T = mask_TU.any(-1)
    kept = {
        name: torch.where(
            with_pictures_T.reshape(-1, *(1,) * (new.ndim - 1)), new, getattr(weights, name)
        )
        for name, new in changed.tensors().items()
    }
    return replace(changed, **kept).to(dtype=support.shots_TNKD.dtype)


def _centred_on_pool(
    weights: AdapterWeights,
    pool_TUD: Float[Tensor, "T U D"],
    mask_TU: Bool[Tensor, "T U"],
    pictured_T: Bool[Tensor, " T"],
) -> AdapterWeights:
    """The adapters, those from names alone with the pool's mean in the place of no centre."""
    centre_TD = pool_TUD.sum(1) / mask_TU.sum(1, keepdim=True).clamp(min=1)
    shift_TN = weights.logit_scale[:, None] * (weights.classes @ centre_TD[..., None])[..., 0]
    return replace(
        weights,
        class_bias=weights.class_bias - torch.where(pictured_T[:, None], 0.0, shift_TN),
    )


def _rounds(
    problem: Regression,
    logits_TUN: Float[Tensor, "T U N"],
    pool_TUD: Float[Tensor, "T U D"],
    form: PoolForm,
) -> _Means:
    support = problem.support
    mask_TU, class_mask_TN = support.raw.pool_mask_TU, support.raw.class_mask_TN
    assert mask_TU is not None
    present_TU1 = mask_TU[..., None].to(pool_TUD)
    pool_TUD = (pool_TUD - support.image_centre_TD[:, None]) * support.scale_TD[:, None]
    pool_TUD = pool_TUD * present_TU1
    shots_TNKD = support.shots_TNKD.to(pool_TUD)
    shot_mask_TNK1 = support.shot_mask_TNK[..., None].to(pool_TUD)
    n_shot_TN1 = support.n_shot_TN[..., None].to(pool_TUD)
    n_way_T1 = class_mask_TN.sum(-1, keepdim=True).clamp(min=1).to(pool_TUD)
    n_pool_T1 = mask_TU.sum(-1, keepdim=True).clamp(min=1).to(pool_TUD)
    first_TUN = form.first_power * logits_TUN.log_softmax(-1)
    sharpness_T11 = _sharpness_T(problem, form)[:, None, None]
    sums_TND, share_TN = shots_TNKD.sum(2), class_mask_TN / n_way_T1
    assigned_TUN = torch.zeros_like(first_TUN)
    for number in range(form.n_rounds + 1):
        taken_TN1 = n_shot_TN1 + assigned_TUN.sum(1)[..., None]
        class_TND = (sums_TND + assigned_TUN.mT @ pool_TUD) / taken_TN1.clamp(min=1)
        known_TN1 = (taken_TN1 > 0).to(pool_TUD)
        centre_TD = (class_TND * known_TN1).sum(1) / known_TN1.sum(1).clamp(min=1)
        unit_TUD = normalize(pool_TUD - centre_TD[:, None], dim=-1) * present_TU1
        unit_TNKD = normalize(shots_TNKD - centre_TD[:, None, None], dim=-1) * shot_mask_TNK1
        mean_TND = normalize(unit_TNKD.sum(2) + assigned_TUN.mT @ unit_TUD, dim=-1)
        if number == form.n_rounds:
            break
        scores_TUN = sharpness_T11 * (unit_TUD @ mean_TND.mT) + first_TUN
        log_share_TN = share_TN.clamp(min=1e-12).log().masked_fill(~class_mask_TN, -torch.inf)
        assigned_TUN = (scores_TUN + log_share_TN[:, None]).softmax(-1) * present_TU1
        share_TN = assigned_TUN.sum(1) / n_pool_T1 + form.share_prior * class_mask_TN / n_way_T1
        share_TN = share_TN / (1 + form.share_prior)
    squares_T = (pool_TUD - centre_TD[:, None]).mul(present_TU1).square().sum((1, 2))
    shot_squares_T = (shots_TNKD - centre_TD[:, None, None]).mul(shot_mask_TNK1).square()
    n_all_T = n_pool_T1[:, 0] + n_shot_TN1.sum((1, 2))
    part_TN = assigned_TUN.sum(1) / n_pool_T1
    entropy_T = -(part_TN * part_TN.clamp(min=1e-12).log()).sum(-1)
    return _Means(
        mean_TND,
        centre_TD,
        ((squares_T + shot_squares_T.sum((1, 2, 3))) / n_all_T).sqrt(),
        entropy_T.exp() / n_way_T1[:, 0],
    )


def _sharpness_T(problem: Regression, form: PoolForm) -> Float[Tensor, " T"]:
    pictured_T = problem.support.image_mask_TN.any(-1)
    return torch.where(pictured_T, form.sharpness, form.bare_sharpness)


def _changed(
    problem: Regression,
    corrections: Corrections,
    first: AdapterWeights,
    means: _Means,
    form: PoolForm,
) -> AdapterWeights:
    """Both answers with the means, weighed by the evenness of the shares, as one adapter."""
    support = problem.support
    has_kernel_T = support.image_mask_TN.any(-1) & ~problem.is_large_T
    low, high = form.even
    trust_T = ((means.evenness_T - low) / (high - low)).clamp(0, 1) * has_kernel_T
    n_shot_T = support.raw.n_shot_T.to(trust_T)
    by_regression_T = trust_T * n_shot_T / (n_shot_T + form.regression_shots)
    by_mixture_T = (1 - trust_T) * form.mixture_scale
    of_first_T = by_regression_T + by_mixture_T * form.first_power
    along_T = by_regression_T * form.reach * first.logit_scale
    sharpness_T = _sharpness_T(problem, form)
    along_T = along_T + by_mixture_T * sharpness_T / means.length_T.clamp(min=1e-12)

    raw_TND = means.mean_TND * support.scale_TD[:, None]
    at_centre_TN = (raw_TND @ support.image_centre_TD.to(raw_TND)[..., None])[..., 0]
    at_centre_TN = at_centre_TN + (means.mean_TND @ means.centre_TD[..., None])[..., 0]
    there_TN = support.raw.class_mask_TN
    bias_TN = first.class_bias.masked_fill(~there_TN, 0.0) * of_first_T[:, None]
    bias_TN = bias_TN - along_T[:, None] * at_centre_TN
    changed = replace(
        first,
        classes=of_first_T[:, None, None] * first.classes
        + (along_T / first.logit_scale)[:, None, None] * raw_TND,
        class_bias=bias_TN.masked_fill(~there_TN, -torch.inf),
    )
    if first.values is None:
        return changed
    values_TMN = _values(problem, corrections, means, form)
    new_TMN = by_regression_T[:, None, None] * values_TMN
    return replace(
        changed,
        values=new_TMN + (by_mixture_T * form.first_power)[:, None, None] * first.values,
    )


def _values(
    problem: Regression, corrections: Corrections, means: _Means, form: PoolForm
) -> Float[Tensor, "T M N"]:
    """The values of the cache where the means are part of the prior of the regression."""
    reach_TND = form.reach * means.mean_TND
    at_centre_T1N = (reach_TND @ means.centre_TD[..., None])[..., 0][:, None]
    prior_TND = problem.prior_TND(corrections.log_trust_TN) + reach_TND
    sharpness_T = problem.sharpness_T(corrections.log_sharpness_T)
    values_TMN, _ = kernel_ridge(
        problem.distance_TMM,
        problem.present_TM,
        problem.residual_TMN(prior_TND) + at_centre_T1N,
        problem.take(problem.noise_TX(corrections.log_noise_TNK)),
        sharpness_T,
    )
    return values_TMN / sharpness_T[:, None, None]
