"""MAML (Finn et al., 2017) and ANIL (Raghu et al., 2020), applied to a CLIP-Adapter."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.descent import (
    RATIO,
    RESIDUAL_SCALE,
    cross_entropy_T,
    descend,
    head_behind_adapter,
)

N_STEPS = 10
VISUAL_RATIO = RATIO / (1 - RATIO)


@dataclass(frozen=True, slots=True)
class Start:
    """The weights from which the steps start, and their rate; both learned on training tasks."""

    down_RD: Float[Tensor, "R D"]
    up_DR: Float[Tensor, "D R"]
    log_rate: Float[Tensor, ""]
    """ln(learning rate · s²), which does not depend on the inverse temperature s."""


def maml(support: Support, learned: Start, *, moves_adapter: bool = True) -> AdapterWeights:
    """Return adapters: a few steps of plain SGD train the visual adapter and the class vectors.

    The residuals of the class vectors start at zero, so that one start serves all classes. The
    gradient is that of the cross-entropy of the support's `logits`.
    """
    rows_TMD, start_TND = support.rows_TMD, support.start_TND
    down_TRD, up_TDR = (
        start.to(start_TND).repeat(len(start_TND), 1, 1)
        for start in (learned.down_RD, learned.up_DR)
    )
    residual_TND = torch.zeros_like(start_TND)
    moving = [down_TRD, up_TDR, residual_TND] if moves_adapter else [residual_TND]
    for weights in moving:
        weights.requires_grad_()

    def loss_T() -> torch.Tensor:
        logits_TMN = logits(rows_TMD, start_TND, down_TRD, up_TDR, residual_TND, support.scale_T11)
        return weight_T * cross_entropy_T(support, logits_TMN)

    # Plain SGD moves by rate times gradient, so a factor of the loss acts as the rate of a task.
    weight_T = loss_weight(support.n_pictures_T, support.n_shot_T) / support.scale_T.square()
    rate = float(learned.log_rate.exp())
    descend(loss_T, torch.optim.SGD(moving, lr=rate), N_STEPS)
    classes_TND = normalize(start_TND + RESIDUAL_SCALE * residual_TND.detach(), dim=-1)
    return head_behind_adapter(support, classes_TND, down_TRD, up_TDR, VISUAL_RATIO)


def anil(support: Support, learned: Start) -> AdapterWeights:
    """Return adapters as `maml`, but train the class vectors only: tasks share a visual adapter."""
    return maml(support, learned, moves_adapter=False)


def logits(
    rows: Float[Tensor, "*T n D"],
    text: Float[Tensor, "*T N D"],
    down: Float[Tensor, "*T R D"],
    up: Float[Tensor, "*T D R"],
    residual: Float[Tensor, "*T N D"],
    logit_scale: Tensor | float,
) -> Float[Tensor, "*T n N"]:
    """Return s · x' · normalise(t_c + 0.5 r_c), where x' = normalise(x + ratio up ReLU(down x)).

    The scale of r_c is that of TaskRes. There is a single inner learning rate; the scale sets the
    relative speed of residuals.
    """
    moved = (rows @ down.mT).relu() @ up.mT
    adapted = normalize(rows + VISUAL_RATIO * moved, dim=-1)
    return logit_scale * adapted @ normalize(text + RESIDUAL_SCALE * residual, dim=-1).mT


def loss_weight(
    n_pictures: Float[Tensor, "*T"], n_shot: Float[Tensor, "*T"]
) -> Float[Tensor, "*T"]:
    """Return a factor for the mean cross-entropy, so that one learning rate suits all task sizes.

    With this factor the number of classes does not change how far a class moves. The way grows with
    the square root of the shots, because the best rate grows with the information in the pictures.
    """
    return n_pictures / n_shot.sqrt()
