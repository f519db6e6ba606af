"""Heads without training: means of pictures, and means of pictures and texts."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights

# The lower limit of λ of the authors of SS-Text.
LEAST_PENALTY = 1e-3


def prototypes(support: Support) -> AdapterWeights:
    """Logits s · cos(x, μ_c), μ_c the mean picture; a class without a picture keeps its text."""
    pictured_TN1 = support.present_TNK.any(-1, keepdim=True)
    means_TND = normalize(support.means_TND, dim=-1)
    return support.head(torch.where(pictured_TN1, means_TND, support.text_TND))


def proto_net(support: Support) -> AdapterWeights:
    """Prototypical networks (Snell et al., 2017): logits −s/2 · ‖x − μ_c‖², as published.

    Terms that all classes share are left out; without a picture, μ_c = t_c. `prototypes` uses only
    the direction of μ_c. Here its length matters too: a class with dissimilar pictures has a short
    mean, for which −‖μ_c‖² compensates. At one shot both are equal.
    """
    pictured_TN1 = support.present_TNK.any(-1, keepdim=True)
    means_TND = torch.where(pictured_TN1, support.means_TND, support.text_TND)
    return support.head(means_TND, -0.5 * support.scale_T[:, None] * means_TND.square().sum(-1))


def text_mean(support: Support) -> AdapterWeights:
    """Logits s · cos(x, t_c + μ_c): the simplest head from the text and the mean picture."""
    return support.head(normalize(support.text_TND + support.means_TND, dim=-1))


def ss_text(support: Support) -> AdapterWeights:
    """SS-Text (Silva-Rodríguez et al., 2025): CLAP's objective solved in closed form.

    Logits s · cos(x, t_c + s / (n λ_c) Σ_{i∈c} x_i), n the pictures of the task, λ_c = 1 / n_c. A
    class without a picture keeps its text.
    """
    n_TN1 = support.present_TNK.sum(-1, keepdim=True).clamp(min=1)
    penalty_TN1 = n_TN1.to(support.text_TND).reciprocal().clamp(min=LEAST_PENALTY)
    pull_TN1 = support.scale_T11 / (support.n_pictures_T[:, None, None] * penalty_TN1)
    return support.head(normalize(support.text_TND + pull_TN1 * support.shots_TNKD.sum(2), dim=-1))
