"""TaskRes (Yu et al., 2023): a trained residual is added to the texts."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.descent import descend

# The authors' scale of the residual, and their learning rate.
RESIDUAL_SCALE, LEARNING_RATE = 0.5, 2e-3
N_STEPS = 200


def task_res(support: Support) -> AdapterWeights:
    """Return adapters: logits s · cos(x, t_c + 0.5 r_c); Adam trains the residual r from zero.

    Settings: a = 0.5, Adam 2e-3, 200 steps. Departures: the authors set a per set and start from
    enhanced texts.
    """
    start_TND, rows_TMD = support.start_TND, support.rows_TMD
    residual_TND = torch.zeros_like(start_TND).requires_grad_()

    def loss_T() -> torch.Tensor:
        classes_TND = normalize(start_TND + RESIDUAL_SCALE * residual_TND, dim=-1)
        return support.cross_entropy_T(support.scale_T11 * rows_TMD @ classes_TND.mT)

    descend(loss_T, torch.optim.Adam([residual_TND], lr=LEARNING_RATE), N_STEPS)
    trained_TND = start_TND + RESIDUAL_SCALE * residual_TND.detach()
    return support.head(normalize(trained_TND, dim=-1))
