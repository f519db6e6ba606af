"""Which task a picture belongs to."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["task_probabilities"]

# 1 / variance of the pictures of a class about their mean; from 20 to 100 figures on stores for
# choices differ by less than a point.
SHARPNESS = 30.0


def task_probabilities(
    rows_QD: Float[Tensor, "Q D"], means_TND: Sequence[Float[Tensor, "_ D"]]
) -> Float[Tensor, "Q T"]:
    """P(task | x) by the mean pictures of the classes of each task.

    Pictures of a class lie about their mean as a Gaussian of one variance for all, and all classes
    are as frequent: P(task | x) ∝ Σ_c exp(−s ‖x − μ_c‖² / 2), c over the classes of the task.
    """
    log_QT = [
        (SHARPNESS * (rows_QD @ means.mT - 0.5 * means.square().sum(-1))).logsumexp(-1)
        for means in means_TND
    ]
    return torch.stack(log_QT, dim=-1).softmax(-1)
