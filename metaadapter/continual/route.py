"""Which task a picture belongs to."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["task_probabilities"]

# Of the cosine; from 12 to 50 the figures on stores for choices differ by less than a point.
SHARPNESS = 20.0


def task_probabilities(
    rows_QD: Float[Tensor, "Q D"], pictures_TnD: Sequence[Float[Tensor, "_ D"]]
) -> Float[Tensor, "Q T"]:
    """P(task | x): a softmax of the largest cosine of x to any labelled picture of the task."""
    nearest_QT = torch.stack([(rows_QD @ rows.mT).amax(-1) for rows in pictures_TnD], dim=-1)
    return (SHARPNESS * nearest_QT).softmax(-1)
