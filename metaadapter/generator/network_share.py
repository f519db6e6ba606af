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
    beyond_T = (n_way_T.clamp(min=MOST_WAYS).to(torch.float64) / MOST_WAYS).log()
    return (1 - beyond_T / math.log(NO_WAYS / MOST_WAYS)).clamp(0, 1)


def share_in_words(n_way: int) -> str | None:
    """Return a line about a task in which the network does not count in full; else `None`."""
    share = float(network_share(torch.tensor([n_way])))
    if share == 1:
        return None
    if share == 0:
        return f"with {n_way:,} classes the adapter is the closed form, without the trained network"
    return (
        f"with {n_way:,} classes the trained network counts for {share:.0%}, because there are many"
    )
