"""The input of the known network: how similar labelled pictures are to classes without them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.known import doubt_of
from metaadapter.adapter.support import Support
from metaadapter.generator.leave_one_out import LeftOut
from metaadapter.generator.regression import Regression

N_KNOWN_SCALARS = 10
# The factor that brings spreads of cosines to about 1.
COSINES = 10.0
LEAST_UNIT = 1e-3


class Likeness(NamedTuple):
    """The likeness ⟨x, of_classes⟩ + bias of a unit row x to each class.

    It is the cosine with the mean picture of a class, on a scale where 0 is the mean cosine between
    labelled pictures and classes other than their own, and 1 is a cosine of 1.
    """

    of_classes_TND: Float[Tensor, "T N D"]
    """Zeros where a class has no picture."""
    bias_TN: Float[Tensor, "T N"]
    """For a class without a picture, the usual likeness of pictures to their own class."""
    left_out_TXN: Float[Tensor, "T X N"]
    """The likeness of each labelled picture to each class; its own class leaves the picture out."""
    scalars_TS: Float[Tensor, "T S"]
    several_share_T: Float[Tensor, " T"]
    """Among classes with pictures, the share that have several, so that one can be left out."""


def likeness(problem: Regression) -> Likeness:
    """Return the likeness of labelled pictures to the classes, and the scalars of each task."""
    raw = problem.support.raw
    rows_TXD, own_TXN = raw.rows_TMD, raw.targets_TMN > 0
    counts_TN = raw.present_TNK.sum(-1).to(rows_TXD.dtype)
    pictured_TN, means_TND = counts_TN > 0, normalize(raw.means_TND, dim=-1)
    cosines_TXN = rows_TXD @ means_TND.mT
    valid_TXN = own_TXN.any(-1, keepdim=True) & pictured_TN[:, None]
    others_TXN = valid_TXN & ~own_TXN
    other_T, other_spread_T = _mean_and_spread(cosines_TXN.flatten(1), others_TXN.flatten(1))
    unit_T = (1 - other_T).clamp(min=LEAST_UNIT)
    scaled_TXN = (cosines_TXN - other_T[:, None, None]) / unit_T[:, None, None]

    nearest_TX = scaled_TXN.masked_fill(~others_TXN, -torch.inf).amax(-1)
    nearest_T, nearest_spread_T = _mean_and_spread(nearest_TX, others_TXN.any(-1))
    several_TXN = own_TXN & (counts_TN > 1)[:, None]
    without_TXN = (_without_itself(raw, cosines_TXN) - other_T[:, None, None]) / unit_T[
        :, None, None
    ]
    own_T, own_spread_T = _mean_and_spread(without_TXN.flatten(1), several_TXN.flatten(1))
    has_several_T = several_TXN.any(-1).any(-1)
    n_pictured_T = pictured_TN.sum(-1).clamp(min=1)
    share_T = (counts_TN > 1).sum(-1).to(unit_T.dtype) / n_pictured_T
    # For a class without a picture, take the usual likeness of a known picture to its class.
    usual_T = torch.where(has_several_T, own_T, nearest_T + 2 * nearest_spread_T)
    bias_TN = torch.where(pictured_TN, (-other_T / unit_T)[:, None], usual_T[:, None])
    scalars = [
        # The mean over classes, so that a class with very many pictures does not outweigh others.
        (counts_TN.clamp(min=1).log() * pictured_TN).sum(-1) / n_pictured_T,
        raw.class_mask_TN.sum(-1).clamp(min=1).to(unit_T.dtype).log(),
        pictured_TN.any(-1).to(unit_T.dtype),
        COSINES * nearest_T,
        COSINES * nearest_spread_T,
        COSINES * other_spread_T / unit_T,
        COSINES * share_T * own_T,
        COSINES * share_T * own_spread_T,
        share_T,
        several_TXN.sum((1, 2)).clamp(min=1).to(unit_T.dtype).rsqrt() * has_several_T,
    ]
    return Likeness(
        of_classes_TND=means_TND / unit_T[:, None, None],
        bias_TN=bias_TN * raw.class_mask_TN,
        left_out_TXN=torch.where(several_TXN, without_TXN, scaled_TXN)
        + torch.where(pictured_TN, 0.0, usual_T[:, None])[:, None],
        scalars_TS=torch.stack(scalars, -1),
        several_share_T=share_T,
    )


def _without_itself(raw: Support, cosines_TXN: Float[Tensor, "T X N"]) -> Tensor:
    """Return the (T, X, N) cosines of each row with the sum of each class minus that row."""
    total_TN = raw.shots_TNKD.sum(2).norm(dim=-1)
    along_TXN = cosines_TXN * total_TN[:, None]
    square_TXN = total_TN[:, None].square() - 2 * along_TXN + 1
    without_TXN: Tensor = (along_TXN - 1) / square_TXN.clamp(min=1e-12).sqrt()
    return without_TXN


def of_left_out(
    problem: Regression, like_TXN: Float[Tensor, "T X N"], left_out: LeftOut
) -> tuple[Float[Tensor, "T M"], Float[Tensor, "T M"]]:
    """Return likeness and doubt of the pictures at the M places, each predicted without itself."""
    like_TMN = problem.rows_of(like_TXN)
    log_p_TMN = left_out.log_p_TMN
    n_way_T1 = problem.support.raw.class_mask_TN.sum(-1, keepdim=True)
    like_TM = (log_p_TMN.exp() * like_TMN.to(log_p_TMN)).sum(-1)
    return like_TM, doubt_of(log_p_TMN, n_way_T1)


def class_balanced(left_out: LeftOut) -> Float[Tensor, "T M"]:
    """Return weights for the left-out pictures; those of a class sum to 1."""
    own_TMN = left_out.is_own_TMN & left_out.counts_TM[..., None]
    n_TN = own_TMN.sum(1, keepdim=True).clamp(min=1)
    return (own_TMN / n_TN).sum(-1)


def weighted_quantiles(
    values_TM: Float[Tensor, "T M"],
    weights_TM: Float[Tensor, "T M"],
    fractions_G: Float[Tensor, " G"],
) -> Float[Tensor, "T G"]:
    """Return weighted quantiles; 0 if all weights are 0.

    A value is at the weight below it plus half of its own weight, on a scale from 0 at the smallest
    value to 1 at the largest. With equal weights this is numpy's method "linear".
    """
    if not values_TM.shape[1]:
        return values_TM.new_zeros(len(values_TM), len(fractions_G))
    counts_TM = weights_TM > 0
    order_TM = values_TM.masked_fill(~counts_TM, torch.inf).argsort(-1)
    sorted_TM, w_TM = values_TM.gather(1, order_TM), weights_TM.gather(1, order_TM)
    middle_TM = w_TM.cumsum(-1) - w_TM / 2
    last_T1 = (counts_TM.sum(-1, keepdim=True) - 1).clamp(min=0)
    length_T1 = (middle_TM.gather(1, last_T1) - middle_TM[:, :1]).clamp(min=1e-9)
    place_TM = (middle_TM - middle_TM[:, :1]) / length_T1
    upper_TG = (place_TM[:, None] < fractions_G[:, None]).sum(-1).minimum(last_T1)
    lower_TG = (upper_TG - 1).clamp(min=0)
    low_TG, high_TG = (place_TM.gather(1, index_TG) for index_TG in (lower_TG, upper_TG))
    share_TG = ((fractions_G - low_TG) / (high_TG - low_TG).clamp(min=1e-9)).clamp(0, 1)
    low_value_TG, high_value_TG = (sorted_TM.gather(1, i_TG) for i_TG in (lower_TG, upper_TG))
    quantiles_TG = low_value_TG + share_TG * (high_value_TG - low_value_TG)
    return quantiles_TG * counts_TM.any(-1, keepdim=True)


def _mean_and_spread(
    values_TX: Float[Tensor, "T X"], mask_TX: Bool[Tensor, "T X"]
) -> tuple[Float[Tensor, " T"], Float[Tensor, " T"]]:
    kept_TX = values_TX.masked_fill(~mask_TX, 0.0)
    n_T = mask_TX.sum(-1).clamp(min=1).to(values_TX.dtype)
    mean_T = kept_TX.sum(-1) / n_T
    variance_T = ((kept_TX - mean_T[:, None]).square() * mask_TX).sum(-1) / n_T
    return mean_T, variance_T.sqrt()
