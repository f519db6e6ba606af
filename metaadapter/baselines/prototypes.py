"""Prototypical networks (Snell et al., 2017): by squared distance, as published, and by cosine."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights, Support

__all__ = ["proto_net", "prototypes"]


def prototypes(support: Support) -> AdapterWeights:
    """Logits s · cos(x, μ_c), μ_c the mean picture; a class without a picture keeps its text."""
    pictured_TN1 = support.present_TNK.any(-1, keepdim=True)
    means_TND = normalize(support.means_TND, dim=-1)
    return support.head(torch.where(pictured_TN1, means_TND, support.text_TND))


def proto_net(support: Support) -> AdapterWeights:
    """Logits −s/2 · ‖x − μ_c‖², less what is alike for all classes; without a picture μ_c = t_c.

    `prototypes` reads the direction of μ_c alone. Here its length matters too: pictures of a class
    that lie far apart have a short mean, and −‖μ_c‖² makes up for it. At one shot both are equal.
    """
    pictured_TN1 = support.present_TNK.any(-1, keepdim=True)
    means_TND = torch.where(pictured_TN1, support.means_TND, support.text_TND)
    return support.head(means_TND, -0.5 * support.scale_T[:, None] * means_TND.square().sum(-1))
