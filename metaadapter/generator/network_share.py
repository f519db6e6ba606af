"""How much the network corrects the closed form in large tasks."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

MOST_WAYS, NO_WAYS = 30, 300
MOST_PICTURES, NO_PICTURES = 2048, 8192
"""The corrections count in full up to the first number of classes and of pictures, and not at all
from the other on (docs/explanation/closed-form.md has the measurements). The factor counts during
training, too, so set the numbers before a generator is trained on larger tasks."""


def network_share(n_way_T: Int[Tensor, " T"], n_pictures_T: Int[Tensor, " T"]) -> Tensor:
    """Return the (T,) factors on all corrections: 1, then linear in the logarithms, then 0."""
    of_ways_T = _falling(n_way_T, MOST_WAYS, NO_WAYS)
    return of_ways_T * _falling(n_pictures_T, MOST_PICTURES, NO_PICTURES)


def _falling(number_T: Tensor, most: int, none: int) -> Float[Tensor, " T"]:
    beyond_T = (number_T.clamp(min=most).to(torch.float64) / most).log()
    return (1 - beyond_T / math.log(none / most)).clamp(0, 1)


def share_in_words(n_way: int, n_pictures: int) -> str | None:
    """Return a line about a task in which the network does not count in full; else `None`."""
    share = float(network_share(torch.tensor([n_way]), torch.tensor([n_pictures])))
    if share == 1:
        return None
    size = f"{n_way:,} classes and {n_pictures:,} pictures"
    if share == 0:
        return f"the adapter of {size} is the closed form: the network is trained on smaller tasks"
    return (
        f"the network counts for {share:.0%} of its full weight, because {size} are more than it "
        "was trained on"
    )
