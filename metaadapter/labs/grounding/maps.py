"""The place of a phrase in a picture: heat, boxes and presence, and the box that they give."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

# Chosen by the boxes of 35 photographs of clothes and trash, and on scenes for validation.
OUTER, FLATTER, GROWTHS = 0.2, 0.5, 4


class GroundingMaps(NamedTuple):
    """The place of a phrase in a picture, for each task."""

    heat_Thw: Float[Tensor, "tasks height width"]
    """A logit for each place of the finer grid; their softmax is the heat."""
    boxes_Thw4: Float[Tensor, "tasks height width 4"]
    """The box predicted at each place: left, top, right, bottom in fractions of the picture."""
    presence_T: Float[Tensor, " tasks"]
    """The logit of the probability that the picture shows what the phrase names."""

    def boxes_at_peak(self) -> Float[Tensor, "tasks 4"]:
        """Return the box of the object at the hottest place.

        The first box is that of the hottest place. The next has for each side the one that `OUTER`
        of the places within reach beyond: many places propose the box of a part of the object only,
        so the box grows from the part to the whole.
        """
        boxes = self.boxes_Thw4.flatten(1, 2)
        box = boxes[torch.arange(len(boxes)), self.heat_Thw.flatten(1).argmax(1)]
        for _ in range(GROWTHS):
            weight = self._weight_within(box)
            low = _quantile(boxes[..., :2], weight, OUTER)
            high = _quantile(boxes[..., 2:], weight, 1 - OUTER)
            box = torch.cat([low, high], 1).clamp(0, 1)
        return box

    def _weight_within(self, around_T4: Float[Tensor, "tasks 4"]) -> Float[Tensor, "tasks places"]:
        """Return the shares of places, by the power `FLATTER` of their heat; the sum is 1.

        The hottest place and the places within a box have a share.
        """
        centres = place_centres(*self.heat_Thw.shape[1:]).to(self.heat_Thw).flatten(0, 1)
        around = around_T4[:, None]
        inside = ((centres >= around[..., :2]) & (centres <= around[..., 2:])).all(2)
        heat = self.heat_Thw.flatten(1)
        # A box may be smaller than a place.
        inside = inside | (heat == heat.max(1, keepdim=True).values)
        weight = (FLATTER * heat).softmax(1) * inside
        return weight / weight.sum(1, keepdim=True)


def place_centres(high: int, wide: int) -> Float[Tensor, "high wide 2"]:
    """Return the centres of the places of a grid, across and down, in fractions of the picture."""
    down, across = (torch.arange(n) + 0.5 for n in (high, wide))
    return torch.stack(torch.meshgrid(across / wide, down / high, indexing="xy"), -1)


def _quantile(
    values: Float[Tensor, "tasks places sides"],
    weight: Float[Tensor, "tasks places"],
    share: float,
) -> Float[Tensor, "tasks sides"]:
    """Return the least values that at least `share` of the weight does not exceed."""
    ordered, order = values.sort(1)
    below = weight[..., None].expand_as(values).gather(1, order).cumsum(1)
    number = (below < share).sum(1, keepdim=True).clamp(max=values.shape[1] - 1)
    return ordered.gather(1, number)[:, 0]
