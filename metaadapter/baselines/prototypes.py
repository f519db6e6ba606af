"""Prototypes by direction: prototypical networks (Snell et al., 2017) with cosines."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights, Support

__all__ = ["prototypes"]


def prototypes(support: Support) -> AdapterWeights:
    """Logits s · cos(x, μ_c), μ_c the mean picture; a class without a picture keeps its text."""
    pictured_TN1 = support.present_TNK.any(-1, keepdim=True)
    means_TND = normalize(support.means_TND, dim=-1)
    return support.head(torch.where(pictured_TN1, means_TND, support.text_TND))
