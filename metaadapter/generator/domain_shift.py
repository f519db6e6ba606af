"""The shift from the domain of labelled pictures to that of a pool (docs/explanation/shift.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.generator.canonical import masked_mean, sum_blocks

# Chosen on validation sets (docs/explanation/shift.md).
SHIFTED = 1.6
"""The ratio at which another domain is as probable as the same one."""
SHIFTED_WIDTH = 0.1
"""This much more of the ratio's logarithm multiplies the odds of another domain by e."""
APART, APART_WIDTH = 0.25, 0.15
"""The spread at which another domain is half as probable as the ratio says, and its log's width."""
EVEN, EVEN_WIDTH = 0.97, 0.005
"""The evenness of a pool of the same domain at which half of the distance counts, and the width."""
USUAL, NARROW = 0.95, 0.1
"""Half of the distance to an even pool of the same domain counts at this ratio or this spread."""
LEAST_POOL = 20
"""A smaller pool says too little about its centre and variance."""
RIDGE = 1e-3
"""Keeps the projection on class means that are almost equal finite."""


@dataclass(frozen=True, slots=True)
class DomainShift:
    """The distance from the centre of the labelled pictures to that of the pool, of T tasks.

    A pool with few of the classes has another centre, too. That difference lies along the
    differences of the class means, so what lies across them is shift.
    """

    across_TD: Float[Tensor, "T D"]
    along_TD: Float[Tensor, "T D"]
    ratio_T: Float[Tensor, " T"]
    """The squared length across / its expectation for pictures of one domain; 0 if unknown."""
    evenness_T: Float[Tensor, " T"]
    """e^entropy / N of the shares of the N classes that explain the distance along best."""
    spread_T: Float[Tensor, " T"]
    """The variance of the pool in the direction across / the squared length across."""

    @property
    def probability_T(self) -> Float[Tensor, " T"]:
        """The probability that the pool is of another domain.

        Strangers in a part of the pool move its centre, too, but their distance spreads the pool.
        """
        is_far_T = _above(self.ratio_T, SHIFTED, SHIFTED_WIDTH)
        return is_far_T * (1 - _above(self.spread_T, APART, APART_WIDTH))

    @property
    def strength_T(self) -> Float[Tensor, " T"]:
        """The fraction of the distance that pictures move before an adapter is predicted from them.

        In the same domain the centre of a pool with even shares is the better estimate.
        """
        is_even_T = ((self.evenness_T - EVEN) / EVEN_WIDTH).sigmoid()
        return self.probability_T + (1 - self.probability_T) * is_even_T * self.whole_T

    @property
    def whole_T(self) -> Float[Tensor, " T"]:
        """The probability that no part of a pool of the same domain is from another source.

        Strangers raise the ratio and the spread; a small shift raises the ratio alone.
        """
        is_high_T = _above(self.ratio_T, USUAL, SHIFTED_WIDTH)
        return 1 - is_high_T.minimum(_above(self.spread_T, NARROW, APART_WIDTH))

    def move(self, support: Support, fraction_T: Float[Tensor, " T"]) -> Support:
        """Return the support with its pictures moved by a fraction of the distance; unit rows."""
        offset_TD = fraction_T[:, None] * (self.across_TD + self.along_TD)
        pictures_TNKD = _moved(support.support_TNKD, offset_TD[:, None, None], support)
        return replace(support, support_TNKD=pictures_TNKD)


def _above(value_T: Tensor, threshold: float, width: float) -> Float[Tensor, " T"]:
    """Return 1/2 at the threshold; a logarithm that is `width` higher multiplies the odds by e."""
    return ((value_T / threshold).log() / width).sigmoid()


def domain_shift(support: Support) -> DomainShift:
    """Measure the shift of tasks with pools.

    It is 0 for a task with fewer than `LEAST_POOL` pool pictures, or without labelled pictures.
    """
    pool_TUD, pool_mask_TU = support.pool_TUD, support.pool_mask_TU
    assert pool_TUD is not None
    assert pool_mask_TU is not None
    has_picture_TN, means_TND = support.present_TNK.any(-1), support.means_TND
    is_measured_T = (pool_mask_TU.sum(-1) >= LEAST_POOL) & has_picture_TN.any(-1)
    centre_TD = masked_mean(means_TND, has_picture_TN)
    apart_TND = (means_TND - centre_TD[:, None]) * has_picture_TN[..., None]
    pool_TUD = pool_TUD.masked_fill(~pool_mask_TU[..., None], 0.0)
    pool_centre_TD = masked_mean(pool_TUD, pool_mask_TU)
    distance_TD = (pool_centre_TD - centre_TD) * is_measured_T[:, None]
    weights_TN = _weights(apart_TND, distance_TD)
    along_TD = (weights_TN[:, None] @ apart_TND)[:, 0]
    across_TD = distance_TD - along_TD
    share_TN = weights_TN + 1 / has_picture_TN.sum(-1, keepdim=True).clamp(min=1)
    share_TN = normalize(share_TN.clamp(min=0) * has_picture_TN, p=1, dim=-1)
    expected_T = _expected(support, share_TN, pool_TUD, pool_centre_TD)
    ratio_T = across_TD.square().sum(-1) / expected_T.clamp(min=1e-12)
    ratio_T = torch.where(is_measured_T, ratio_T, 0.0)
    square_T = across_TD.square().sum(-1).clamp(min=1e-12)
    around_TU1 = (pool_TUD - pool_centre_TD[:, None]) @ (across_TD / square_T[:, None])[..., None]
    spread_T = masked_mean(around_TU1.square(), pool_mask_TU)[:, 0]
    evenness_T = evenness(share_TN, has_picture_TN)
    return DomainShift(across_TD, along_TD, ratio_T, evenness_T, spread_T)


def evenness(
    share_TN: Float[Tensor, "T N"], class_mask_TN: Bool[Tensor, "T N"]
) -> Float[Tensor, " T"]:
    """Return exp(entropy of the shares) / number of classes, which is 1 if all shares are equal."""
    share_TN = share_TN / share_TN.sum(-1, keepdim=True).clamp(min=1e-12)
    entropy_T = -(share_TN * share_TN.clamp(min=1e-12).log()).sum(-1)
    return entropy_T.exp() / class_mask_TN.sum(-1).clamp(min=1)


def _weights(
    apart_TND: Float[Tensor, "T N D"], distance_TD: Float[Tensor, "T D"]
) -> Float[Tensor, "T N"]:
    """Return the weights of the class means about their centre that are nearest to a distance."""
    gram_TNN = apart_TND @ apart_TND.mT
    size_T = gram_TNN.diagonal(dim1=1, dim2=2).mean(-1)
    ridge_TN = (RIDGE * size_T).clamp(min=1e-12)[:, None].expand(gram_TNN.shape[:2])
    onto_TN1 = apart_TND @ distance_TD[..., None]
    solved_TN1: Tensor = torch.linalg.solve(gram_TNN + torch.diag_embed(ridge_TN), onto_TN1)
    return solved_TN1[..., 0]


def _expected(
    support: Support,
    share_TN: Float[Tensor, "T N"],
    pool_TUD: Float[Tensor, "T U D"],
    pool_centre_TD: Float[Tensor, "T D"],
) -> Float[Tensor, " T"]:
    """Return the expected squared distance across if both are of one domain.

    A centre of `share_TN` of the classes differs by the noise of the class means and of the pool.
    """
    assert support.pool_mask_TU is not None
    n_pool_T = support.pool_mask_TU.sum(-1).to(pool_TUD)
    around_T = pool_TUD.square().sum((1, 2)) - n_pool_T * pool_centre_TD.square().sum(-1)
    variance_T = around_T.clamp(min=0) / (n_pool_T - 1).clamp(min=1)
    n_shot_TN = support.present_TNK.sum(-1).to(pool_TUD)
    within_T = support.shots_TNKD.square().sum((1, 2, 3))
    within_T = within_T - (n_shot_TN * support.means_TND.square().sum(-1)).sum(-1)
    n_way_T = (n_shot_TN > 0).sum(-1).clamp(min=1)
    # One picture of a class says nothing about its variance: that of the pool counts as one more.
    n_beyond_T = n_shot_TN.sum(-1) - (n_shot_TN > 0).sum(-1)
    within_T = (within_T.clamp(min=0) + n_way_T * variance_T) / (n_beyond_T + n_way_T)
    of_means_T = (share_TN.square() / n_shot_TN.clamp(min=1)).sum(-1)
    return within_T * of_means_T + variance_T / n_pool_T.clamp(min=1)


def _moved(rows: Tensor, offset: Tensor, support: Support) -> Tensor:
    """Add the offset, and keep the length of every row in every block; padding stays zero."""
    moved = rows + offset * rows.any(-1, keepdim=True)
    widths = torch.tensor(support.blocks or rows.shape[-1:], device=rows.device)
    before, after = (sum_blocks(part.square(), support.blocks) for part in (rows, moved))
    scale = (before / after.clamp(min=1e-12)).sqrt()
    return moved * scale.repeat_interleave(widths, -1)
