"""The training objective of a cross-modal adapter: heat in the correct box, box, and presence."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from metaadapter.labs.grounding.maps import GroundingMaps

# The weight of the loss for an uneven spread over the box, relative to that for heat outside it.
SPREAD_WEIGHT = 0.3
PRESENCE_WEIGHT = 0.3
TINY = 1e-6


class Losses(NamedTuple):
    """Mean losses over tasks.

    They are of the heat's place, its spread over the box, the boxes of the places, the box that is
    the result, and the presence of what the phrase names.
    """

    place: Tensor
    spread: Tensor
    box: Tensor
    result: Tensor
    presence: Tensor

    @property
    def total(self) -> Tensor:
        """The weighted sum of the losses."""
        of_box = self.box + self.result
        return self.place + SPREAD_WEIGHT * self.spread + of_box + PRESENCE_WEIGHT * self.presence


def grounding_losses(
    grounded: GroundingMaps, boxes: Tensor, inside: Tensor, is_present: Tensor
) -> Losses:
    """Return the mean losses over some tasks.

    Args:
        grounded: The output of the adapter.
        boxes: The correct boxes (tasks, 4), in fractions.
        inside: The fraction of each place (tasks, height, width) inside the correct box.
        is_present: Whether the picture shows what the phrase of a task (tasks) names; the places
            and boxes of other tasks do not count.
    """
    presence = binary_cross_entropy_with_logits(grounded.presence_T, is_present.float())
    grounded = GroundingMaps(*(part[is_present] for part in grounded))
    boxes, inside = boxes[is_present], inside[is_present]
    logs, inside = grounded.heat_Thw.flatten(1).log_softmax(1), inside.flatten(1)
    place = -torch.logsumexp(logs + inside.clamp(min=TINY).log(), 1)
    share = inside / inside.sum(1, keepdim=True)
    spread = -(logs * share).sum(1)
    _, generalised = overlap(grounded.boxes_Thw4.flatten(1, 2), boxes[:, None])
    box = ((1 - generalised) * share).sum(1)
    _, generalised = overlap(grounded.boxes_at_peak(), boxes)
    means = (loss.mean() for loss in (place, spread, box, 1 - generalised))
    return Losses(*means, presence)


def overlap(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union of boxes, and its generalised form (Rezatofighi et al., 2019)."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clamp(min=0).prod(-1) for box in (first, second)]
    union = areas[0] + areas[1] - shared
    outer_low = torch.minimum(first[..., :2], second[..., :2])
    outer_high = torch.maximum(first[..., 2:], second[..., 2:])
    hull = (outer_high - outer_low).prod(-1)
    ratio = shared / (union + TINY)
    return ratio, ratio - (hull - union) / (hull + TINY)
