"""RLA (Fahes et al., 2024), the black-box form of ProLIP: one linear map close to the identity."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.descent import descend

# The middle of the authors' range of learning rates, 1e-5 to 1e-2; with the penalty the rate
# matters little. They take 300 steps, one for each view; with one view 100 steps are as accurate.
LEARNING_RATE, N_STEPS = 1e-3, 100


def rla(support: Support) -> AdapterWeights:
    """Return adapters with logits s · cos(A x, t_c).

    Adam trains A from I with the penalty ‖A − I‖² / n, n the mean number of shots. The bottleneck
    of the adapter holds A in 2 D units, because ReLU(z) − ReLU(−z) = z.

    Settings: Adam 1e-3, the middle of their range; 100 steps. Departures: the authors take 300
    steps, one per view.
    """
    n_tasks, _, width = support.text_TND.shape
    rows_TMD, classes_TND = support.rows_TMD, support.start_TND
    change_TDD = classes_TND.new_zeros(n_tasks, width, width).requires_grad_()
    anchor_T = 1 / support.n_shot_T

    def loss_T() -> torch.Tensor:
        adapted_TMD = normalize(rows_TMD + rows_TMD @ change_TDD.mT, dim=-1)
        fit_T = support.cross_entropy_T(support.scale_T11 * adapted_TMD @ classes_TND.mT)
        return fit_T + anchor_T * change_TDD.square().sum((1, 2))

    descend(loss_T, torch.optim.Adam([change_TDD], lr=LEARNING_RATE), N_STEPS)
    both_signs_RD = torch.cat([torch.eye(width), -torch.eye(width)]).to(classes_TND)
    down_TRD = both_signs_RD.expand(n_tasks, -1, -1)
    up_TDR = torch.cat([change_TDD, -change_TDD], dim=-1)
    return support.head_behind_adapter(classes_TND, down_TRD, up_TDR, 1.0)
