"""The rounds that assign a pool to the classes, anchored at the labelled pictures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.generator.domain_shift import DomainShift, evenness
from metaadapter.generator.pool.pool_network import FinalCorrections, PoolNetwork
from metaadapter.generator.pool.pool_scalars import PoolMeans, PoolState, pool_scalars
from metaadapter.generator.ridge.regression import Regression

# All constants of pools were chosen on validation sets.
N_ROUNDS = 8
SHARPNESS = 10.0
"""The inverse temperature for the cosine between a picture and a class mean."""
BARE_SHARPNESS = 5.0
"""The same for a task without labelled pictures, whose first predictions are less reliable."""
FIRST_POWER = 2.0
"""The exponent of the probability that the adapter without a pool gives."""
SHIFTED_ANCHOR = 0.3
"""The weight of a labelled picture in a class mean where the pool is of another domain."""
SHARE_PRIOR = 0.3
"""The prior count of each class, divided by the mean number of pool pictures per class."""
EVEN = 0.875
"""The evenness of the shares at which an even pool and an uneven one are equally probable."""
EVEN_WIDTH = 0.03
"""A rise of the evenness by this much multiplies the odds of an even pool by e."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """The labelled pictures class by class, then the pool, in canonical coordinates."""

    rows_TRD: Float[Tensor, "T R D"]
    square_TR: Float[Tensor, "T R"]
    present_TR: Bool[Tensor, "T R"]
    labels_TXN: Float[Tensor, "T X N"]
    """One-hot classes of the X places for labelled pictures."""


def assign_pool(
    problem: Regression,
    logits_TUN: Float[Tensor, "T U N"],
    pool_TUD: Float[Tensor, "T U D"],
    shift: DomainShift,
    network: PoolNetwork,
) -> tuple[PoolMeans, Float[Tensor, " T"], FinalCorrections]:
    """Return class means and `even_T` after the last round, and final corrections."""
    rows = _rows(problem, pool_TUD)
    class_mask_TN = problem.support.raw.class_mask_TN
    mask_TU = rows.present_TR[:, rows.labels_TXN.shape[1] :]
    present_TU1 = mask_TU[..., None].to(pool_TUD)
    n_way_T1 = class_mask_TN.sum(-1, keepdim=True).clamp(min=1).to(pool_TUD)
    n_pool_T1 = mask_TU.sum(-1, keepdim=True).clamp(min=1).to(pool_TUD)
    first_TUN = logits_TUN.softmax(-1)
    # 0 replaces −∞, which has no gradient; the shares rule out masked classes.
    log_first_TUN = logits_TUN.log_softmax(-1).masked_fill(~class_mask_TN[:, None], 0.0)
    nearest_TU = _nearest_shot(rows)
    sharpness_T = sharpness_of(problem)
    share_TN = class_mask_TN / n_way_T1
    assigned_TUN = weighted_TUN = torch.zeros_like(first_TUN)
    labels_TXN = rows.labels_TXN
    anchor_T = 1 - (1 - SHIFTED_ANCHOR) * shift.probability_T
    change_T = torch.zeros_like(n_way_T1[:, 0])
    for number in range(N_ROUNDS + 1):
        means = _class_means(rows, torch.cat([labels_TXN, weighted_TUN], 1))
        state = PoolState(
            means=means,
            first_TUN=first_TUN,
            nearest_shot_TU=nearest_TU,
            assigned_TUN=assigned_TUN,
            change_T=change_T,
            mask_TU=mask_TU,
            class_mask_TN=class_mask_TN,
            shot_mask_TNK=problem.support.shot_mask_TNK,
            shift=shift,
            fraction_done=number / N_ROUNDS,
        )
        scalars = pool_scalars(state)
        if number == N_ROUNDS:
            final = network.final_corrections(scalars)
            return means, even_T(assigned_TUN, class_mask_TN), final
        change = network.corrections_of_round(scalars)
        log_share_TN = share_TN.clamp(min=1e-12).log() * change.share_T.exp()[:, None]
        log_share_TN = log_share_TN + change.class_TN
        probability_TUN = assigned_TUN if number else first_TUN * present_TU1
        log_share_TN = log_share_TN - _log_presence(probability_TUN, class_mask_TN)
        log_share_TN = log_share_TN.masked_fill(~class_mask_TN, -torch.inf)
        scores_TUN = (
            (sharpness_T * change.sharpness_T.exp())[:, None, None] * means.cosine_TUN
            + (FIRST_POWER * change.first_power_T.exp())[:, None, None] * log_first_TUN
            + log_share_TN[:, None]
        )
        before_TUN = assigned_TUN
        assigned_TUN = scores_TUN.softmax(-1) * present_TU1
        change_T = (assigned_TUN - before_TUN).abs().sum((1, 2)) / n_pool_T1[:, 0] / 2
        weighted_TUN = assigned_TUN * change.weight_TU.exp()[..., None]
        labels_TXN = rows.labels_TXN * (anchor_T[:, None] * change.anchor_TN.exp())[:, None]
        share_TN = assigned_TUN.sum(1) / n_pool_T1 + SHARE_PRIOR * class_mask_TN / n_way_T1
        share_TN = share_TN / (1 + SHARE_PRIOR)
    raise AssertionError("the last round returns")


def even_T(
    probability_TUN: Float[Tensor, "T U N"], class_mask_TN: Bool[Tensor, "T N"]
) -> Float[Tensor, " T"]:
    """Return the logarithm of the odds that the pool has equally many pictures of each class."""
    return (evenness(probability_TUN.sum(1), class_mask_TN) - EVEN) / EVEN_WIDTH


def _log_presence(
    probability_TUN: Float[Tensor, "T U N"], class_mask_TN: Bool[Tensor, "T N"]
) -> Float[Tensor, "T N"]:
    """Return ln of the sum times the largest probability of a class; towards 0 in uneven pools.

    Without it, rounds over an even pool enlarge classes that are easily predicted. One divided by
    the product is, but for a factor of the task, the squared weight of a class in MOON (arXiv
    2607.15851).
    """
    sum_TN, largest_TN = probability_TUN.sum(1), probability_TUN.amax(1)
    log_TN = (sum_TN * largest_TN).clamp(min=1e-12).log()
    return log_TN * even_T(probability_TUN, class_mask_TN).sigmoid()[:, None]


def sharpness_of(problem: Regression) -> Float[Tensor, " T"]:
    """Return the inverse temperature of cosines in each task."""
    pictured_T = problem.support.image_mask_TN.any(-1)
    return torch.where(pictured_T, SHARPNESS, BARE_SHARPNESS)


def _rows(problem: Regression, pool_TUD: Float[Tensor, "T U D"]) -> _Rows:
    support = problem.support
    mask_TU = support.raw.pool_mask_TU
    assert mask_TU is not None
    pool_TUD = (pool_TUD - support.image_centre_TD[:, None]) * support.scale_TD[:, None]
    pool_TUD = pool_TUD * mask_TU[..., None]
    shots_TXD = support.shots_TNKD.flatten(1, 2)
    rows_TRD = torch.cat([shots_TXD, pool_TUD.to(shots_TXD)], 1)
    return _Rows(
        rows_TRD,
        rows_TRD.square().sum(-1),
        torch.cat([support.shot_mask_TNK.flatten(1), mask_TU], 1),
        support.raw.targets_TMN,
    )


def _class_means(rows: _Rows, labels_TRN: Float[Tensor, "T R N"]) -> PoolMeans:
    taken_T1N = labels_TRN.sum(1, keepdim=True)
    known_TN = taken_T1N[:, 0] > 0
    part_TR = (labels_TRN / taken_T1N.clamp(min=1)).sum(-1)
    part_TR = part_TR / known_TN.sum(-1, keepdim=True).clamp(min=1)
    centre_TD = (part_TR[:, None] @ rows.rows_TRD)[:, 0]
    along_TR = (rows.rows_TRD @ centre_TD[..., None])[..., 0]
    square_TR = rows.square_TR - 2 * along_TR + centre_TD.square().sum(-1, keepdim=True)
    length_TR = square_TR.clamp(min=1e-12).sqrt()
    unit_TRN = labels_TRN / length_TR[..., None]
    sums_TND = unit_TRN.mT @ rows.rows_TRD - unit_TRN.sum(1)[..., None] * centre_TD[:, None]
    mean_TND = normalize(sums_TND, dim=-1)
    at_centre_T1N = (mean_TND @ centre_TD[..., None]).mT
    cosine_TRN = (rows.rows_TRD @ mean_TND.mT - at_centre_T1N) / length_TR[..., None]
    n_rows_T = rows.present_TR.sum(-1).clamp(min=1)
    usual_T = ((square_TR * rows.present_TR).sum(-1) / n_rows_T).clamp(min=1e-12).sqrt()
    cosine_TRN = cosine_TRN * rows.present_TR[..., None]
    n_places = rows.labels_TXN.shape[1]
    shot_cosine_TXN, cosine_TUN = cosine_TRN.tensor_split([n_places], 1)
    length_TU = length_TR[:, n_places:] / usual_T[:, None]
    return PoolMeans(mean_TND, centre_TD, usual_T, length_TU, cosine_TUN, shot_cosine_TXN)


def _nearest_shot(rows: _Rows) -> Float[Tensor, "T U"]:
    unit_TRD = rows.rows_TRD / rows.square_TR.clamp(min=1e-12).sqrt()[..., None]
    n_places = rows.labels_TXN.shape[1]
    shots_TXD, pool_TUD = unit_TRD[:, :n_places], unit_TRD[:, n_places:]
    if not n_places:
        return pool_TUD.new_zeros(pool_TUD.shape[:2])
    present_TX = rows.present_TR[:, :n_places]
    cosine_TUX = (pool_TUD @ shots_TXD.mT).masked_fill(~present_TX[:, None], -1.0)
    return torch.where(present_TX.any(-1, keepdim=True), cosine_TUX.amax(-1), 0.0)
