"""Heads without training: means of pictures, and means of pictures and texts."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights

# The lower limit of λ_c, from the authors of SS-Text.
LEAST_PENALTY = 1e-3


def prototypes(support: Support) -> AdapterWeights:
    """Return adapters: logits s · cos(x, μ_c), μ_c the mean picture, or t_c without a picture."""
    pictured_TN1 = support.present_TNK.any(-1, keepdim=True)
    means_TND = normalize(support.means_TND, dim=-1)
    return support.head(torch.where(pictured_TN1, means_TND, support.text_TND))


def proto_net(support: Support) -> AdapterWeights:
    """Return adapters of prototypical networks (Snell et al., 2017): logits −s/2 · ‖x − μ_c‖².

    Terms that all classes share are left out; without a picture, μ_c = t_c. `prototypes` uses only
    the direction of μ_c. Here the length matters too: a class with dissimilar pictures has a short
    mean, for which −‖μ_c‖² compensates. With one shot the two functions agree.

    Settings: s/2, so that one shot equals prototypes. Departures: the authors learn the features
    (Snell et al. 2017).
    """
    pictured_TN1 = support.present_TNK.any(-1, keepdim=True)
    means_TND = torch.where(pictured_TN1, support.means_TND, support.text_TND)
    return support.head(means_TND, -0.5 * support.scale_T[:, None] * means_TND.square().sum(-1))


def text_mean(support: Support) -> AdapterWeights:
    """Return adapters: logits s · cos(x, t_c + μ_c), the simplest head with text and pictures."""
    return support.head(normalize(support.text_TND + support.means_TND, dim=-1))


def ss_text(support: Support) -> AdapterWeights:
    """Return adapters of SS-Text (Silva-Rodríguez et al., 2025), a closed-form version of CLAP.

    The logits are s · cos(x, t_c + s / (n λ_c) Σ_{i∈c} x_i), with n pictures in the task, n_c of
    class c, and λ_c = 1 / n_c. A class without a picture keeps its text.

    Settings: λ_c = 1 / n_c, at least 0.001: their shots-adaptive penalty. Departures: no repulsion
    step of SS-Text+.
    """
    n_TN1 = support.present_TNK.sum(-1, keepdim=True).clamp(min=1)
    penalty_TN1 = n_TN1.to(support.text_TND).reciprocal().clamp(min=LEAST_PENALTY)
    pull_TN1 = support.scale_T11 / (support.n_pictures_T[:, None, None] * penalty_TN1)
    return support.head(normalize(support.text_TND + pull_TN1 * support.shots_TNKD.sum(2), dim=-1))
