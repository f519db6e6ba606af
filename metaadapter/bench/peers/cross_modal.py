"""Cross-modal linear probe (Lin et al., 2023): texts are additional samples of their classes."""

from __future__ import annotations

import torch

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.descent import descend

# From the authors' grid of learning rates and weight decays.
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-2
N_STEPS = 300


def cross_modal_probe(support: Support) -> AdapterWeights:
    """Return adapters: logits s · x · w_c, w trained from the texts by AdamW along a cosine.

    Half of the loss is the mean cross-entropy of the pictures, the other half that of the texts.

    Settings: AdamW 1e-3, decay 0.01, cosine, 300 steps; a text is one sample, pictures and texts
    have equal shares of the loss. Departures: the authors search on validation pictures and stop
    early.
    """
    rows_TMD, text_TND = support.rows_TMD, support.text_TND
    classes_TND = support.start_TND.clone().requires_grad_()
    named_TN = text_TND.any(-1) & support.class_mask_TN
    n_named_T = named_TN.sum(-1).clamp(min=1)
    ruled_out_T1N = ~support.class_mask_TN[:, None]

    def loss_T() -> torch.Tensor:
        pictures_T = support.cross_entropy_T(support.scale_T11 * rows_TMD @ classes_TND.mT)
        logits_TNN = support.scale_T11 * text_TND @ classes_TND.mT
        log_TNN = logits_TNN.masked_fill(ruled_out_T1N, -1e9).log_softmax(-1)
        own_TN = log_TNN.diagonal(dim1=-2, dim2=-1) * named_TN
        return 0.5 * (pictures_T - own_TN.sum(-1) / n_named_T)

    optimizer = torch.optim.AdamW([classes_TND], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    descend(loss_T, optimizer, N_STEPS, cosine=True)
    return support.head(classes_TND.detach())
