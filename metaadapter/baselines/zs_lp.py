"""ZS-LP (Silva-Rodríguez et al., 2024): a linear probe that starts at the texts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights, Support
from metaadapter.baselines.descent import descend

__all__ = ["probe_from_texts", "zs_lp"]

# The authors' one recipe for all tasks.
LEARNING_RATE, MOMENTUM, N_STEPS = 0.1, 0.9, 300


def zs_lp(support: Support) -> AdapterWeights:
    """Logits s · cos(x, w_c), w trained from the texts by SGD with a cosine schedule."""
    return probe_from_texts(support)


def probe_from_texts(
    support: Support,
    penalty_T: Callable[[Float[Tensor, "T N D"]], Float[Tensor, " T"]] | None = None,
) -> AdapterWeights:
    """The trained probe; each task's loss also has the penalty of its class vectors, if given."""
    rows_TMD = support.rows_TMD
    classes_TND = support.start_TND.clone().requires_grad_()

    def loss_T() -> torch.Tensor:
        logits_TMN = support.scale_T11 * rows_TMD @ normalize(classes_TND, dim=-1).mT
        fit_T = support.cross_entropy_T(logits_TMN)
        return fit_T if penalty_T is None else fit_T + penalty_T(classes_TND)

    optimizer = torch.optim.SGD([classes_TND], lr=LEARNING_RATE, momentum=MOMENTUM)
    descend(loss_T, optimizer, N_STEPS, cosine=True)
    return support.head(normalize(classes_TND.detach(), dim=-1))
