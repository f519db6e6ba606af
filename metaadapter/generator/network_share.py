"""How much the network corrects the closed form in tasks of many classes."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

MOST_WAYS, NO_WAYS = 100, 400
"""The corrections count in full up to the first number of classes, and not at all from the other
on. A generator that is trained on tasks of more classes needs other numbers."""


def network_share(n_way_T: Int[Tensor, " T"]) -> Float[Tensor, " T"]:
    """Return the factor on all corrections: 1, then linear in the logarithm of the ways, then 0."""
    log_way_T = n_way_T.clamp(min=1).to(torch.get_default_dtype()).log()
    range_of_logs = math.log(NO_WAYS / MOST_WAYS)
    return ((math.log(NO_WAYS) - log_way_T) / range_of_logs).clamp(0, 1)
