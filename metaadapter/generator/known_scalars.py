"""The input of the known network: how similar labelled pictures are to classes without them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.generator.canonical import mean_where
from metaadapter.generator.chunks import row_chunks
from metaadapter.generator.cosines import without_itself

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
    scalars_TS: Float[Tensor, "T S"]
    several_share_T: Float[Tensor, " T"]
    """Among classes with pictures, the share that have several, so that one can be left out."""
    raw: Support
    other_T: Float[Tensor, " T"]
    """The cosine whose likeness is 0."""
    total_TN: Float[Tensor, "T N"]
    """The length of the sum of each class's pictures."""

    def of_left_out(
        self, rows_TRD: Float[Tensor, "T R D"], own_TR: Int[Tensor, "T R"]
    ) -> Float[Tensor, "T R N"]:
        """Return the likeness of labelled pictures to all classes; a class of one keeps it.

        Otherwise a picture is left out of its own class.
        """
        unit_T1, own_TR1 = _unit(self.other_T)[:, None], own_TR[..., None]
        along_TRN = rows_TRD @ self.of_classes_TND.mT
        seen_TR = along_TRN.gather(-1, own_TR1)[..., 0]
        left_out_TR = without_itself(seen_TR * unit_T1, self.total_TN.gather(1, own_TR)) / unit_T1
        several_TR = (self.raw.present_TNK.sum(-1) > 1).gather(1, own_TR)
        own_along_TR1 = torch.where(several_TR, left_out_TR, seen_TR)[..., None]
        return along_TRN.scatter_(-1, own_TR1, own_along_TR1) + self._constant_TN[:, None]

    @property
    def _constant_TN(self) -> Float[Tensor, "T N"]:
        """Return `bias_TN` plus, for a class without a picture, the same term as for the others."""
        alone_TN = torch.where(self.raw.present_TNK.any(-1), 0.0, self.bias_TN)
        return alone_TN - (self.other_T / _unit(self.other_T))[:, None]


def likeness(raw: Support) -> Likeness:
    """Return the likeness of labelled pictures to the classes, and the scalars of each task."""
    sums_TND = raw.shots_TNKD.sum(2)
    total_TN, means_TND = sums_TND.norm(dim=-1), normalize(sums_TND, dim=-1)
    counts_TN = raw.present_TNK.sum(-1).to(sums_TND.dtype)
    pictured_TN, several_TN = counts_TN > 0, counts_TN > 1
    other_T, other_spread_T, nearest_TX, own_TX = _cosines(raw, means_TND, sums_TND)
    unit_T = _unit(other_T)

    def scaled(cosines_TX: Tensor) -> Tensor:
        return (cosines_TX - other_T[:, None]) / unit_T[:, None]

    nearest_T, nearest_spread_T = _mean_and_spread(scaled(nearest_TX), nearest_TX.isfinite())
    in_class = raw.present_TNK.shape[2]
    several_TX = (raw.present_TNK & several_TN[..., None]).flatten(1)
    total_TX = total_TN.repeat_interleave(in_class, 1)
    own_T, own_spread_T = _mean_and_spread(scaled(without_itself(own_TX, total_TX)), several_TX)
    has_several_T = several_TN.any(-1)
    n_pictured_T = pictured_TN.sum(-1).clamp(min=1)
    share_T = several_TN.sum(-1).to(unit_T.dtype) / n_pictured_T
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
        several_TX.sum(-1).clamp(min=1).to(unit_T.dtype).rsqrt() * has_several_T,
    ]
    return Likeness(
        of_classes_TND=means_TND / unit_T[:, None, None],
        bias_TN=bias_TN * raw.class_mask_TN,
        scalars_TS=torch.stack(scalars, -1),
        several_share_T=share_T,
        raw=raw,
        other_T=other_T,
        total_TN=total_TN,
    )


def _cosines(
    raw: Support, means_TND: Float[Tensor, "T N D"], sums_TND: Float[Tensor, "T N D"]
) -> tuple[Tensor, ...]:
    """Return mean and spread of the cosines of pictures with means of other classes, (T,) each.

    Then the largest of these, −∞ if there is none, and the cosine with the own mean, (T, X) each.
    """
    rows_TXD, pictured_TN = raw.rows_TMD, raw.present_TNK.any(-1)
    n_TN = raw.present_TNK.sum(-1).to(rows_TXD)
    own_sum_T = (sums_TND * means_TND).sum((1, 2))
    n_T = n_TN.sum(-1) * (pictured_TN.sum(-1) - 1)
    all_T = (sums_TND.sum(1) * means_TND.sum(1)).sum(-1)
    other_T = (all_T - own_sum_T) / n_T.clamp(min=1)
    square_T, nearest, own = torch.zeros_like(other_T), [rows_TXD[:, :0, 0]], [rows_TXD[:, :0, 0]]
    for rows in row_chunks(rows_TXD.shape[1], n_TN.numel()):
        own_TR, present_TR = raw.own_and_present(rows)
        cosines_TRN = rows_TXD[:, rows] @ means_TND.mT
        own_cosine_TR = cosines_TRN.gather(-1, own_TR[..., None])[..., 0]
        own.append(own_cosine_TR)
        around_TRN = (cosines_TRN - other_T[:, None, None]).scatter_(-1, own_TR[..., None], 0.0)
        rivals_TRN = cosines_TRN.scatter_(-1, own_TR[..., None], -torch.inf)
        if not (pictured_TN.all() and present_TR.all()):
            missing_TRN = ~pictured_TN[:, None] | ~present_TR[..., None]
            around_TRN = around_TRN.masked_fill_(missing_TRN, 0.0)
            rivals_TRN = rivals_TRN.masked_fill_(missing_TRN, -torch.inf)
        square_T = square_T + around_TRN.square_().sum((1, 2))
        nearest.append(rivals_TRN.amax(-1))
    return other_T, (square_T / n_T.clamp(min=1)).sqrt(), torch.cat(nearest, 1), torch.cat(own, 1)


def _unit(other_T: Float[Tensor, " T"]) -> Float[Tensor, " T"]:
    return (1 - other_T).clamp(min=LEAST_UNIT)


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
    """Return mean and standard deviation of the values in a mask; zeros if it is empty."""
    mean_T = mean_where(values_TX, mask_TX)
    return mean_T, mean_where((values_TX - mean_T[:, None]).square(), mask_TX).sqrt()
