"""The input of the known network: how similar labelled pictures are to classes without them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.generator.row_chunks import row_chunks

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

    def of_left_out(
        self, rows_TRD: Float[Tensor, "T R D"], is_own_TRN: Bool[Tensor, "T R N"]
    ) -> Float[Tensor, "T R N"]:
        """Return the likeness of labelled pictures to the classes; its own leaves a picture out."""
        n_shot_TN = self.raw.present_TNK.sum(-1)
        unit_T11 = _unit(self.other_T)[:, None, None]
        cosines_TRN = rows_TRD @ normalize(self.raw.means_TND, dim=-1).mT
        several_TRN = is_own_TRN & (n_shot_TN > 1)[:, None]
        total_T1N = _total_TN(self.raw)[:, None]
        cosines_TRN = torch.where(several_TRN, _without_itself(cosines_TRN, total_T1N), cosines_TRN)
        alone_TN = torch.where(n_shot_TN > 0, 0.0, self.bias_TN)
        return (cosines_TRN - self.other_T[:, None, None]) / unit_T11 + alone_TN[:, None]


def likeness(raw: Support) -> Likeness:
    """Return the likeness of labelled pictures to the classes, and the scalars of each task."""
    rows_TXD, means_TND = raw.rows_TMD, normalize(raw.means_TND, dim=-1)
    counts_TN = raw.present_TNK.sum(-1).to(rows_TXD.dtype)
    pictured_TN, several_TN = counts_TN > 0, counts_TN > 1
    others, nearest, own = [], [rows_TXD[:, :0, 0]], [rows_TXD[:, :0, 0]]
    for rows in row_chunks(rows_TXD.shape[1], counts_TN.numel()):
        cosines_TRN, is_own_TRN = rows_TXD[:, rows] @ means_TND.mT, raw.is_own(rows)
        others_TRN = is_own_TRN.any(-1, keepdim=True) & pictured_TN[:, None] & ~is_own_TRN
        others.append(_moments(cosines_TRN.flatten(1), others_TRN.flatten(1)))
        nearest.append(cosines_TRN.masked_fill(~others_TRN, -torch.inf).amax(-1))
        own.append(torch.where(is_own_TRN, cosines_TRN, 0.0).sum(-1))
    other_T, other_spread_T = _mean_and_spread(others, counts_TN)
    unit_T = _unit(other_T)

    def scaled(cosines_TX: Tensor) -> Tensor:
        return (cosines_TX - other_T[:, None]) / unit_T[:, None]

    nearest_TX, own_TX = torch.cat(nearest, 1), torch.cat(own, 1)
    nearest_T, nearest_spread_T = _mean_and_spread(
        [_moments(scaled(nearest_TX), nearest_TX.isfinite())], counts_TN
    )
    in_class = raw.present_TNK.shape[2]
    several_TX = (raw.present_TNK & several_TN[..., None]).flatten(1)
    total_TX = _total_TN(raw).repeat_interleave(in_class, 1)
    own_T, own_spread_T = _mean_and_spread(
        [_moments(scaled(_without_itself(own_TX, total_TX)), several_TX)], counts_TN
    )
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
    )


def _unit(other_T: Float[Tensor, " T"]) -> Float[Tensor, " T"]:
    return (1 - other_T).clamp(min=LEAST_UNIT)


def _total_TN(raw: Support) -> Float[Tensor, "T N"]:
    """Return the length of the sum of each class's pictures."""
    lengths: Tensor = raw.shots_TNKD.sum(2).norm(dim=-1)
    return lengths


def _without_itself(cosines: Tensor, total: Tensor) -> Tensor:
    """Return cosines of rows with the sum of a class minus the row; `total` is the sum's length."""
    along = cosines * total
    square = total.square() - 2 * along + 1
    without: Tensor = (along - 1) / square.clamp(min=1e-12).sqrt()
    return without


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


def _moments(values_TX: Float[Tensor, "T X"], mask_TX: Bool[Tensor, "T X"]) -> Float[Tensor, "3 T"]:
    """Return the number, the mean and the sum of squared deviations of values in a mask."""
    n_T = mask_TX.sum(-1).to(values_TX.dtype)
    mean_T = values_TX.masked_fill(~mask_TX, 0.0).sum(-1) / n_T.clamp(min=1)
    around_TX = (values_TX - mean_T[:, None]).masked_fill(~mask_TX, 0.0)
    return torch.stack([n_T, mean_T, around_TX.square().sum(-1)])


def _mean_and_spread(
    parts: list[Float[Tensor, "3 T"]], like: Tensor
) -> tuple[Float[Tensor, " T"], Float[Tensor, " T"]]:
    """Return mean and standard deviation of all parts together (Chan et al. 1983)."""
    n_PT, mean_PT, square_PT = torch.stack([like.new_zeros(3, len(like)), *parts], 1)
    n_T = n_PT.sum(0).clamp(min=1)
    mean_T = (n_PT * mean_PT).sum(0) / n_T
    between_PT = n_PT * (mean_PT - mean_T).square()
    return mean_T, ((square_PT + between_PT).sum(0) / n_T).sqrt()
