"""Tip-Adapter (Zhang et al., 2022): a cache of the support, also trained, is added to the texts."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import LogitFunction, classify
from metaadapter.bench.peers.descent import cross_entropy_T, descend

# The authors' defaults; they search for better values on validation pictures, which is left out.
ALPHA, BETA = 1.17, 1.0
# The authors' AdamW. Their 20 to 100 passes in batches of 256 are 20 to 1,250 steps; here all tasks
# take N_STEPS, and the last step is kept. The authors keep the best step on test pictures.
LEARNING_RATE, EPSILON, N_STEPS = 1e-3, 1e-4, 200
# Affinities of pictures to keys at a time: 64 MB in float32, and as much for their gradient.
MOST_AFFINITIES = 16_000_000


def tip_adapter(support: Support) -> LogitFunction:
    """Return the logits s · x · t_c + α Σ_{i∈c} exp(−β (1 − x · x_i)).

    Settings: α = 1.17, β = 1: their defaults. Departures: the authors search both on test pictures.
    """
    return with_cache(support, normalize(support.rows_TMD, dim=-1), support.targets_TMN, ALPHA)


def tip_adapter_f(support: Support) -> LogitFunction:
    """Return logits as `tip_adapter`, but with trained keys k_i, which start at the x_i.

    Settings: as Tip-Adapter; AdamW 1e-3, ε 1e-4, cosine, 200 steps. Departures: the authors take 20
    to 1,250 steps and keep the best on test pictures.
    """
    rows_TMD, (n_way, n_shot) = support.rows_TMD, support.support_mask_TNK.shape[1:]
    keys_TMD = rows_TMD.clone().requires_grad_()
    # The affinity to an absent key is exp(−∞).
    offset_TM = torch.full_like(rows_TMD[..., 0], -BETA)
    offset_TM = offset_TM.masked_fill(~support.present_TNK.flatten(1), -torch.inf)
    size = max(1, MOST_AFFINITIES // max(1, offset_TM.numel()))

    def losses_T() -> Iterator[torch.Tensor]:
        for first in range(0, n_way * n_shot, size):
            rows = slice(first, first + size)
            from_text_TRN = support.scale_T11 * rows_TMD[:, rows] @ support.text_TND.mT
            affinity_TRM = (BETA * rows_TMD[:, rows] @ keys_TMD.mT).add_(offset_TM[:, None]).exp_()
            # The keys lie class by class, so that no product with one-hot rows is needed.
            affinity_TRNK = affinity_TRM.view(*affinity_TRM.shape[:2], n_way, n_shot)
            yield cross_entropy_T(support, from_text_TRN + ALPHA * affinity_TRNK.sum(-1), rows)

    optimizer = torch.optim.AdamW([keys_TMD], lr=LEARNING_RATE, eps=EPSILON)
    descend(losses_T, optimizer, N_STEPS, cosine=True)
    return with_cache(support, keys_TMD.detach(), support.targets_TMN, ALPHA)


def with_cache(
    support: Support,
    keys_TMD: Tensor,
    values_TMN: Tensor,
    alpha: float,
    channels_T1D: Tensor | float = 1.0,
) -> LogitFunction:
    """Return the logits of zero-shot CLIP + α Σ_m exp(−β (1 − x · key_m)) value_m, with β = 1.

    x is the unit row of the query over the `channels_T1D`.
    """
    zero_shot = support.zero_shot()

    def logits(query_TQD: Tensor) -> Tensor:
        cut_TQD = normalize(query_TQD * channels_T1D, dim=-1)
        affinity_TQM = (BETA * (cut_TQD @ keys_TMD.mT - 1)).exp()
        return classify(query_TQD, zero_shot) + alpha * (affinity_TQM @ values_TMN)

    return logits
