"""Meta-Adapter, MAML and ANIL: heads whose formulas have weights from training tasks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.descent import RATIO, RESIDUAL_SCALE, descend

N_STEPS = 10
VISUAL_RATIO = RATIO / (1 - RATIO)


@dataclass(frozen=True, slots=True)
class Attention:
    """The 2 D² + D + 1 numbers that are learned on training tasks and shared by all classes."""

    query_DD: Float[Tensor, "D D"]
    key_DD: Float[Tensor, "D D"]
    gate_D: Float[Tensor, " D"]
    gate_bias: Float[Tensor, ""]


def meta_adapter(support: Support, learned: Attention) -> AdapterWeights:
    """Meta-Adapter (Cheng et al., 2023): logits s · x · normalise(t_c + g_c Σ_z a_z z).

    g_c = σ(gate · t_c + bias), z are t_c and the pictures of c, a = softmax((query t_c) · (key z) /
    √D) over them. A class without a text has no query, so its vector is its mean picture.
    """
    text_TND = support.text_TND
    tokens_TNLD = torch.cat([text_TND[:, :, None], support.shots_TNKD], dim=2)
    present_TNL = torch.cat([text_TND.any(-1, keepdim=True), support.present_TNK], dim=2)
    queries_TND = text_TND @ learned.query_DD.T @ learned.key_DD / text_TND.shape[-1] ** 0.5
    affinity_TNL = (tokens_TNLD @ queries_TND[..., None]).squeeze(-1)
    # A finite mask avoids 0 / 0 for a class with neither text nor picture.
    weight_TNL = affinity_TNL.masked_fill(~present_TNL, -1e9).softmax(-1)
    attended_TND = (weight_TNL[:, :, None] @ tokens_TNLD).squeeze(2)
    gate_TN1 = (text_TND @ learned.gate_D + learned.gate_bias).sigmoid()[..., None]
    return support.head(normalize(text_TND + gate_TN1 * attended_TND, dim=-1))


@dataclass(frozen=True, slots=True)
class Start:
    """The start and the length of the steps, which are learned on training tasks."""

    down_RD: Float[Tensor, "R D"]
    up_DR: Float[Tensor, "D R"]
    log_rate: Float[Tensor, ""]
    """The natural logarithm of the learning rate times s², which is independent of s."""


def maml(support: Support, learned: Start, *, moves_adapter: bool = True) -> AdapterWeights:
    """MAML (Finn et al., 2017): ten steps of plain SGD, for the visual adapter and class vectors.

    The residuals of the class vectors start at zero, so that one start serves all classes. The
    steps differentiate the formula `logits`. As in TaskRes, residuals move at half the speed.
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
        return weight_T * support.cross_entropy_T(logits_TMN)

    # Plain SGD moves by rate times gradient, so the loss can hold the rate of each task.
    weight_T = loss_weight(support.n_pictures_T, support.n_shot_T) / support.scale_T.square()
    rate = float(learned.log_rate.exp())
    descend(loss_T, torch.optim.SGD(moving, lr=rate), N_STEPS)
    classes_TND = normalize(start_TND + RESIDUAL_SCALE * residual_TND.detach(), dim=-1)
    return support.head_behind_adapter(classes_TND, down_TRD, up_TDR, VISUAL_RATIO)


def anil(support: Support, learned: Start) -> AdapterWeights:
    """ANIL (Raghu et al., 2020): `maml` whose steps move only the class vectors."""
    return maml(support, learned, moves_adapter=False)


def logits(
    rows: Float[Tensor, "*T n D"],
    text: Float[Tensor, "*T N D"],
    down: Float[Tensor, "*T R D"],
    up: Float[Tensor, "*T D R"],
    residual: Float[Tensor, "*T N D"],
    logit_scale: Tensor | float,
) -> Float[Tensor, "*T n N"]:
    """The logits s · x' · normalise(t_c + a r_c), x' = normalise(x + ratio · up ReLU(down x))."""
    moved = (rows @ down.mT).relu() @ up.mT
    adapted = normalize(rows + VISUAL_RATIO * moved, dim=-1)
    return logit_scale * adapted @ normalize(text + RESIDUAL_SCALE * residual, dim=-1).mT


def loss_weight(
    n_pictures: Float[Tensor, "*T"], n_shot: Float[Tensor, "*T"]
) -> Float[Tensor, "*T"]:
    """The factor of the mean cross-entropy that makes one learning rate suit tasks of any size.

    With this factor a class moves equally far among many classes and among few, and further with
    more shots, by their square root: the best rate grows with the information in the pictures.
    """
    return n_pictures / n_shot.sqrt()
