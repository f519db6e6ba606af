"""APE (Zhu et al., 2023) without training: Tip-Adapter on the channels that separate the texts."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import LogitFunction
from metaadapter.bench.peers.tip_adapter import with_cache

# The authors search from these values; their first α is 1 to 3, depending on the data set.
ALPHA, GAMMA = 2.0, 0.1
# The authors keep 500 to 800 of 1024 channels, depending on the data set; 0.7 is in the middle. The
# weights of similarity and variance are the authors' for most data sets.
KEPT, SIMILARITY_WEIGHT, VARIANCE_WEIGHT = 0.7, 0.7, 0.3


def ape(support: Support) -> LogitFunction:
    """Return the logits s · x · t_c + α Σ_{i∈c} exp(−β (1 − cos_Q(x, x_i))) exp(γ KL_i).

    cos_Q is the cosine over the kept channels Q. KL_i is −log softmax_c(cos_Q(x_i, t_c)) for the
    class c of picture i: the worse the texts classify a picture, the more it counts.

    Settings: α = 2, β = 1, γ = 0.1, where their searches start; 0.7 of the channels; weights 0.7
    and 0.3. Departures: the authors search all four and use texts of a language model.
    """
    kept_T1D = _kept_channels(support)[:, None]
    keys_TMD = normalize(support.rows_TMD * kept_T1D, dim=-1)
    along_text_TMN = keys_TMD @ normalize(support.start_TND * kept_T1D, dim=-1).mT
    ruled_out_T1N = ~support.class_mask_TN[:, None]
    surprise_TMN = -along_text_TMN.masked_fill(ruled_out_T1N, -1e9).log_softmax(-1)
    targets_TMN = support.targets_TMN
    surprise_TM1 = (surprise_TMN * targets_TMN).sum(-1, keepdim=True)
    values_TMN = targets_TMN * (GAMMA * surprise_TM1).exp()
    return with_cache(support, keys_TMD, values_TMN, ALPHA, kept_T1D)


def _kept_channels(support: Support) -> Float[Tensor, "T D"]:
    """Return a mask of the channels: 1 for a channel d in Q, 0 for any other channel.

    Q has the channels with the largest −w₁ mean_{c≠c'} t_cd t_c'd + w₂ Var_c(t_cd), with w₁ and w₂
    the weights above. For a class without a text, t_c is its mean picture.
    """
    start_TND = support.start_TND.masked_fill(~support.class_mask_TN[..., None], 0.0)
    known_TN1 = start_TND.any(-1, keepdim=True)
    n_T1 = known_TN1.sum(1).clamp(min=2)
    sum_TD, squares_TD = start_TND.sum(1), start_TND.square().sum(1)
    similarity_TD = (sum_TD.square() - squares_TD) / (n_T1 * (n_T1 - 1))
    from_mean_TND = (start_TND - (sum_TD / n_T1)[:, None]) * known_TN1
    variance_TD = from_mean_TND.square().sum(1) / (n_T1 - 1)
    worth_TD = VARIANCE_WEIGHT * variance_TD - SIMILARITY_WEIGHT * similarity_TD
    width = worth_TD.shape[-1]
    best_TQ = worth_TD.topk(max(1, round(KEPT * width)), dim=-1).indices
    return torch.zeros_like(worth_TD).scatter(-1, best_TQ, 1.0)
