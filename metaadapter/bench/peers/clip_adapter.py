"""CLIP-Adapter (Gao et al., 2021): a trained bottleneck that changes picture features."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.descent import descend

# The authors' residual ratio and reduction of the bottleneck.
RATIO, REDUCTION = 0.2, 4
LEARNING_RATE, N_STEPS = 1e-3, 200
SEED = 0


def clip_adapter(support: Support, *, start: AdapterWeights | None = None) -> AdapterWeights:
    """Return adapters: logits s · x' · t_c with x' = normalise(r · W₂ ReLU(W₁ x) + (1 − r) · x).

    Unlike in the original, W₂ starts at zero and no ReLU follows it, so that training starts from
    zero-shot CLIP and `AdapterWeights` can hold the result. W₁ starts alike in all tasks. `start`
    is an earlier result of this function for T tasks of other classes, from which training goes on.

    Settings: r = 0.2, D → D/4 → D, Adam 1e-3, 200 steps. Departures: W₂ starts at zero, without
    ReLU.
    """
    rows_TMD, text_TND, width = support.rows_TMD, support.text_TND, support.text_TND.shape[-1]
    draw = torch.Generator().manual_seed(SEED)
    # Uniform in ±1/√D, as in `torch.nn.Linear`.
    down_RD = (2 * torch.rand(width // REDUCTION, width, generator=draw) - 1) / width**0.5
    down_TRD = down_RD.to(text_TND).repeat(support.n_tasks, 1, 1).requires_grad_()
    up_TDR = torch.zeros_like(down_TRD.mT).requires_grad_()
    if start is not None and start.down is not None and start.up is not None:
        down_TRD, up_TDR = (weights.clone().requires_grad_() for weights in (start.down, start.up))
    ratio = RATIO / (1 - RATIO)

    def loss_T() -> torch.Tensor:
        moved_TMD = (rows_TMD @ down_TRD.mT).relu() @ up_TDR.mT
        adapted_TMD = normalize(rows_TMD + ratio * moved_TMD, dim=-1)
        return support.cross_entropy_T(support.scale_T11 * adapted_TMD @ text_TND.mT)

    descend(loss_T, torch.optim.Adam([down_TRD, up_TDR], lr=LEARNING_RATE), N_STEPS)
    return support.head_behind_adapter(text_TND, down_TRD, up_TDR, ratio)
