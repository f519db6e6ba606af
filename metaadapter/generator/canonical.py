"""Canonical coordinates, in which the features of a support are centred and have unit spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support

SPREAD_FLOOR = 1e-6


@dataclass(frozen=True, slots=True)
class CanonicalSupport:
    """The supports of T tasks of N classes and K shots, centred and scaled by an affine map.

    CLIP's pictures lie in one narrow cone and its texts in another; the map removes both cones. A
    linear classifier of canonical rows is also a linear classifier of the encoder's own rows.
    """

    raw: Support
    """The support in the encoder's own coordinates."""
    shots_TNKD: Float[Tensor, "T N K D"]
    """(picture − image_centre) / image_spread; zeros where there is no picture."""
    text_TND: Float[Tensor, "T N D"]
    """(text − text_centre) / text_spread; zeros where there is no text."""
    means_TND: Float[Tensor, "T N D"]
    """The class means of the shots; zeros where a class has no picture."""
    shot_mask_TNK: Bool[Tensor, "T N K"]
    text_mask_TN: Bool[Tensor, "T N"]
    n_shot_TN: Float[Tensor, "T N"]
    """The number of pictures of each class."""
    image_centre_TD: Float[Tensor, "T D"]
    text_spread_T: Float[Tensor, " T"]
    scale_TD: Float[Tensor, "T D"]
    """The factor on each picture coordinate; 1 / image_spread before blocks are weighted."""
    text_share_T: Float[Tensor, " T"]
    """The part of the pictures' squared spread that is in blocks with texts; 1 before `reweigh`."""
    block_length_TP: Float[Tensor, "T P"]
    """The root mean squared length of the pictures in each block, in the encoder's coordinates."""
    block_spread_TP: Float[Tensor, "T P"]
    """The root mean squared distance of the pictures from their centre, in the same coordinates."""

    @property
    def block_scale_TP(self) -> Float[Tensor, "T P"]:
        """The factor on each block, which all coordinates of the block share."""
        firsts = accumulate([0, *self.raw.blocks[:-1]])
        return torch.stack([self.scale_TD[:, first] for first in firsts], 1)

    @property
    def image_mask_TN(self) -> Bool[Tensor, "T N"]:
        """True for classes with a picture."""
        return self.shot_mask_TNK.any(-1)


def canonicalise(support: Support) -> CanonicalSupport:
    """Return supports in canonical coordinates; missing pictures or texts have centre 0, spread 1.

    The image centre is the mean of the class means, so that large classes do not pull it.
    """
    text_TND, shot_mask_TNK = support.text_TND, support.present_TNK
    text_mask_TN = support.class_mask_TN & (text_TND != 0).any(-1)
    n_shot_TN = shot_mask_TNK.sum(-1).to(text_TND.dtype)
    image_centre_TD = masked_mean(support.means_TND, shot_mask_TNK.any(-1))
    raw_TNKD = support.shots_TNKD
    shots_TNKD = raw_TNKD - image_centre_TD[:, None, None]
    if not shot_mask_TNK.all():
        shots_TNKD = shots_TNKD * shot_mask_TNK[..., None]
    block_square_TP = _block_squares(support, shots_TNKD)
    image_spread_T = _spread(block_square_TP.sum(-1))
    shots_TNKD = shots_TNKD / image_spread_T[:, None, None, None]
    means_TND = shots_TNKD.sum(2) / n_shot_TN[..., None].clamp(min=1)
    # The mean of the only class with pictures is the centre: what is left is rounding, which has
    # no direction.
    means_TND = means_TND * (means_TND.norm(dim=-1, keepdim=True) > SPREAD_FLOOR)
    text_centre_TD = masked_mean(text_TND, text_mask_TN)
    texts_TND = (text_TND - text_centre_TD[:, None]) * text_mask_TN[..., None]
    n_text_T = text_mask_TN.sum(-1).clamp(min=1)
    text_spread_T = _spread(texts_TND.square().sum((1, 2)) / n_text_T)
    return CanonicalSupport(
        raw=support,
        shots_TNKD=shots_TNKD,
        text_TND=texts_TND / text_spread_T[:, None, None],
        means_TND=means_TND,
        shot_mask_TNK=shot_mask_TNK,
        text_mask_TN=text_mask_TN,
        n_shot_TN=n_shot_TN,
        image_centre_TD=image_centre_TD,
        text_spread_T=text_spread_T,
        scale_TD=(1 / image_spread_T)[:, None].expand(-1, text_TND.shape[-1]),
        text_share_T=torch.ones_like(image_spread_T),
        block_length_TP=_block_squares(support, raw_TNKD).sqrt(),
        block_spread_TP=block_square_TP.sqrt(),
    )


def sum_blocks(
    values: Float[Tensor, "*shape D"], blocks: Sequence[int]
) -> Float[Tensor, "*shape P"]:
    """Return the sums of the values within blocks of these widths; () means one block."""
    parts = torch.split(values, list(blocks or values.shape[-1:]), -1)
    return torch.stack([part.sum(-1) for part in parts], -1)


def _block_squares(support: Support, rows_TNKD: Tensor) -> Float[Tensor, "T P"]:
    """Return the mean squared length of the pictures in each block."""
    parts = torch.split(rows_TNKD, list(support.blocks or rows_TNKD.shape[-1:]), -1)
    # The norm of rows makes no copy, as their squares would.
    squares_TP = torch.stack([part.norm(dim=-1).square().sum((1, 2)) for part in parts], -1)
    return squares_TP / support.n_pictures_T[:, None]


def masked_mean(
    rows_TXD: Float[Tensor, "T X D"], mask_TX: Bool[Tensor, "T X"]
) -> Float[Tensor, "T D"]:
    """Return the mean of the rows where the mask is true; zeros if it is true nowhere."""
    weight_TX1 = mask_TX[..., None].to(rows_TXD.dtype)
    return (rows_TXD * weight_TX1).sum(1) / weight_TX1.sum(1).clamp(min=1)


def mean_where(
    values_TX: Float[Tensor, "T X"], counts_TX: Bool[Tensor, "T X"]
) -> Float[Tensor, " T"]:
    """Return the mean of the values that count, of which others may be infinite; 0 without any."""
    return torch.where(counts_TX, values_TX, 0.0).sum(-1) / counts_TX.sum(-1).clamp(min=1)


def _spread(square_T: Float[Tensor, " T"]) -> Float[Tensor, " T"]:
    """Return the root of the mean squared length of centred rows; 1 for a length of almost 0."""
    return torch.where(square_T < SPREAD_FLOOR**2, 1.0, square_T).sqrt()
