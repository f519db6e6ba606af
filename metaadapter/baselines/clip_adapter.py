"""CLIP-Adapter (Gao et al., 2021): a trained bottleneck on the pictures."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights, Support
from metaadapter.baselines.descent import descend

__all__ = ["clip_adapter"]

# The authors' blend and bottleneck.
RATIO, REDUCTION = 0.2, 4
LEARNING_RATE, N_STEPS = 1e-3, 200
SEED = 0


def clip_adapter(support: Support) -> AdapterWeights:
    """Logits s · x' · t_c with x' = normalise(r · W₂ ReLU(W₁ x) + (1 − r) · x).

    W₂ starts at zero and has no ReLU after it, unlike the original: training starts at zero-shot
    CLIP and the result is an `AdapterWeights`. W₁ starts alike in all tasks.
    """
    down_TRD = _first_layer(
        support.text_TND, support.text_TND.shape[-1] // REDUCTION
    ).requires_grad_()
    up_TDR = torch.zeros_like(down_TRD.mT).requires_grad_()
    rows_TMD, text_TND = support.rows_TMD, support.text_TND
    ratio = RATIO / (1 - RATIO)

    def loss_T() -> torch.Tensor:
        moved_TMD = (rows_TMD @ down_TRD.mT).relu() @ up_TDR.mT
        adapted_TMD = normalize(rows_TMD + ratio * moved_TMD, dim=-1)
        return support.cross_entropy_T(support.scale_T11 * adapted_TMD @ text_TND.mT)

    descend(loss_T, torch.optim.Adam([down_TRD, up_TDR], lr=LEARNING_RATE), N_STEPS)
    return support.head_behind_adapter(text_TND, down_TRD, up_TDR, ratio)


def _first_layer(like_TND: torch.Tensor, n_hidden: int) -> torch.Tensor:
    """(T, R, D) one layer for all tasks, uniform in ±1/√D, as `torch.nn.Linear` starts."""
    n_tasks, _, width = like_TND.shape
    draw = torch.Generator().manual_seed(SEED)
    layer_RD: torch.Tensor = (2 * torch.rand(n_hidden, width, generator=draw) - 1) / width**0.5
    return layer_RD.to(like_TND).repeat(n_tasks, 1, 1)
