"""Tip-Adapter (Zhang et al., 2022): a cache of the support, also trained, is added to the texts."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.bench.peers.descent import descend

# The authors' defaults; they search for better values on validation pictures, which is left out.
ALPHA, BETA = 1.17, 1.0
# The authors' AdamW. Their 20 to 100 passes in batches of 256 are 20 to 1,250 steps; here all tasks
# take N_STEPS, and the last step is kept. The authors keep the best step on test pictures.
LEARNING_RATE, EPSILON, N_STEPS = 1e-3, 1e-4, 200


def tip_adapter(support: Support) -> AdapterWeights:
    """Return adapters with logits s · x · t_c + α Σ_{i∈c} exp(−β (1 − x · x_i))."""
    text_TND = support.text_TND
    return support.head(
        text_TND,
        keys=normalize(support.rows_TMD, dim=-1),
        values=support.targets_TMN,
        alpha=text_TND.new_full(text_TND.shape[:1], ALPHA),
        beta=text_TND.new_full(support.rows_TMD.shape[:2], BETA),
    )


def tip_adapter_f(support: Support) -> AdapterWeights:
    """Return adapters as `tip_adapter`, but with trained keys k_i, which start at the x_i."""
    untrained = tip_adapter(support)
    keys_TMD = support.rows_TMD.clone().requires_grad_()
    rows_TMD = support.rows_TMD

    def loss_T() -> torch.Tensor:
        return support.cross_entropy_T(classify(rows_TMD, replace(untrained, keys=keys_TMD)))

    optimizer = torch.optim.AdamW([keys_TMD], lr=LEARNING_RATE, eps=EPSILON)
    descend(loss_T, optimizer, N_STEPS, cosine=True)
    return replace(untrained, keys=keys_TMD.detach())
