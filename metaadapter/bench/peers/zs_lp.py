"""ZS-LP and CLAP (Silva-Rodríguez et al., 2024): linear probes that start at the texts."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.descent import descend

# The authors' settings for all tasks.
LEARNING_RATE, MOMENTUM, N_STEPS = 0.1, 0.9, 300


def zs_lp(support: Support) -> AdapterWeights:
    """Return adapters: logits s · cos(x, w_c), w trained from the texts by SGD along a cosine.

    Settings: SGD 0.1, momentum 0.9, cosine, 300 steps: their recipe. Departures: no warm-up; texts
    have length 1.
    """
    return _probe(support, torch.zeros_like(support.text_TND[..., 0]))


def clap(support: Support) -> AdapterWeights:
    """Return adapters as `zs_lp`, trained with the penalty mean_c λ_c ‖w_c − t_c‖².

    The penalty keeps good texts: λ_c is the mean probability that zero-shot CLIP gives class c for
    the pictures of c. It is 1 without a picture, which could contradict the text, 0 without a text.

    Settings: as `zs_lp`, with these λ_c.
    """
    return _probe(support, _text_trust(support) / support.class_mask_TN.sum(-1, keepdim=True))


def _probe(support: Support, penalty_TN: Tensor) -> AdapterWeights:
    """Return the trained probe; the penalty is on each class's squared distance from its start."""
    rows_TMD, start_TND = support.rows_TMD, support.start_TND
    classes_TND = start_TND.clone().requires_grad_()

    def loss_T() -> torch.Tensor:
        logits_TMN = support.scale_T11 * rows_TMD @ normalize(classes_TND, dim=-1).mT
        moved_TN = (classes_TND - start_TND).square().sum(-1)
        return support.cross_entropy_T(logits_TMN) + (penalty_TN * moved_TN).sum(-1)

    optimizer = torch.optim.SGD([classes_TND], lr=LEARNING_RATE, momentum=MOMENTUM)
    descend(loss_T, optimizer, N_STEPS, cosine=True)
    return support.head(normalize(classes_TND.detach(), dim=-1))


def _text_trust(support: Support) -> Float[Tensor, "T N"]:
    """Return λ_c, 0 for an absent class. A class without a text is not part of the softmax."""
    named_TN = support.text_TND.any(-1) & support.class_mask_TN
    logits_TMN = support.scale_T11 * support.rows_TMD @ support.text_TND.mT
    # A finite mask avoids 0 / 0 in a task without any text.
    p_TMN = logits_TMN.masked_fill(~named_TN[:, None], -1e9).softmax(-1)
    n_TN = support.present_TNK.sum(-1)
    own_TN = (p_TMN * support.targets_TMN).sum(1) / n_TN.clamp(min=1)
    return own_TN.masked_fill(n_TN == 0, 1.0) * named_TN
