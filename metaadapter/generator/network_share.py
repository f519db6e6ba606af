"""How much the network corrects the closed form in tasks beyond those of its training."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

MOST_WAYS, NO_WAYS = 30, 300
MOST_PICTURES, NO_PICTURES = 2048, 8192
MOST_UNEVEN, NO_UNEVEN = 2, 8
"""The corrections count in full up to the first number of classes, of pictures, and of the most
pictures of a class divided by `usual_shots`, and not at all from the other on. The numbers of
classes and pictures were measured (docs/explanation/closed-form.md), that of uneven shots is the
range of the training. In training mode the factor is 1. A generator that is trained on other tasks
needs other numbers."""


def network_share(
    n_shot_TN: Float[Tensor, "T N"], class_mask_TN: Bool[Tensor, "T N"]
) -> Float[Tensor, " T"]:
    """Return the factors on all corrections: 1, then linear in the logarithms, then 0."""
    of_pictures_T = _falling(n_shot_TN.sum(-1), MOST_PICTURES, NO_PICTURES)
    uneven_T = n_shot_TN.amax(-1) / usual_shots(n_shot_TN)
    of_uneven_T = _falling(uneven_T, MOST_UNEVEN, NO_UNEVEN)
    return share_of_ways(class_mask_TN) * of_pictures_T * of_uneven_T


def share_of_ways(class_mask_TN: Bool[Tensor, "T N"]) -> Float[Tensor, " T"]:
    """Return the part of `network_share` that the number of classes decides."""
    return _falling(class_mask_TN.sum(-1), MOST_WAYS, NO_WAYS)


def usual_shots(n_shot_TN: Float[Tensor, "T N"]) -> Float[Tensor, " T"]:
    """Return the harmonic mean of the shots of classes with pictures; 1 without any picture.

    A few classes with many pictures hardly change it.
    """
    has_any_TN = n_shot_TN > 0
    inverse_T = (has_any_TN / n_shot_TN.clamp(min=1)).sum(-1)
    return has_any_TN.sum(-1).clamp(min=1) / torch.where(inverse_T > 0, inverse_T, 1.0)


def _falling(number_T: Tensor, most: int, none: int) -> Float[Tensor, " T"]:
    beyond_T = (number_T / most).clamp(min=1).log()
    return (1 - beyond_T / math.log(none / most)).clamp(0, 1)
