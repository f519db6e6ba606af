"""ZS-LP (Silva-Rodríguez et al., 2024): a linear probe that starts at the texts."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights
from metaadapter.baselines.descent import descend
from metaadapter.baselines.support import Support

__all__ = ["zs_lp"]

# The authors' one recipe for all tasks.
LEARNING_RATE, MOMENTUM, N_STEPS = 0.1, 0.9, 300


def zs_lp(support: Support, logit_scale: float) -> AdapterWeights:
    """Logits s · cos(x, w_c), w trained from the texts by SGD with a cosine schedule."""
    rows_TMD = support.rows_TMD
    classes_TND = support.start_TND.clone().requires_grad_()

    def loss_T() -> torch.Tensor:
        return support.cross_entropy_T(logit_scale * rows_TMD @ normalize(classes_TND, dim=-1).mT)

    optimizer = torch.optim.SGD([classes_TND], lr=LEARNING_RATE, momentum=MOMENTUM)
    descend(loss_T, optimizer, N_STEPS, cosine=True)
    return support.head(normalize(classes_TND.detach(), dim=-1), logit_scale)
