"""Scores that hold a picture against the class names, and against other words."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.bench.peers.unknown.asked import Asked
from metaadapter.errors import UsageError

# The authors' quantile of a word's cosines with the classes, and the share of words that they take.
NEARNESS, SHARE = 0.95, 0.15
# They take 10,000 words in 100 groups; of 1,000 words the share is 150.
GROUP_SIZE = 30


def mcm(asked: Asked) -> Float[Tensor, "T Q"]:
    """max_c softmax(cos(x, t))_c of the texts t at τ = 1 (MCM, Ming et al., NeurIPS 2022).

    At that temperature it is nearly the largest cosine less the mean one.
    """
    return _cosines(asked).softmax(-1).amax(-1)


def neg_label(asked: Asked) -> Float[Tensor, "T Q"]:
    """The mean over groups of far words of Σ_c e(t_c) / (Σ_c e(t_c) + Σ_w e(w)).

    NegLabel (Jiang et al., ICLR 2024): e(t) = exp(s cos(x, t)), t_c are the texts of the classes,
    w the words of a group, s the encoder's inverse temperature. Every group has words from all of
    the order of `far_words`, where the authors draw groups at random.

    Raises:
        UsageError: There are no words, or the temperature is not known.
    """
    if asked.words_WD is None:
        raise UsageError("NegLabel needs words beside the class names: give `words_WD`")
    far_TMD = far_words(asked.support, asked.words_WD)
    scale_T11 = asked.support.scale_T11.double()
    own_TQ = (scale_T11 * _cosines(asked)).logsumexp(-1)
    n_groups = max(1, far_TMD.shape[1] // GROUP_SIZE)
    other_TQM = scale_T11 * (asked.rows_TQD @ far_TMD.mT).double()
    shares = [
        (own_TQ - other_TQM[..., first::n_groups].logsumexp(-1)).sigmoid()
        for first in range(n_groups)
    ]
    return torch.stack(shares).mean(0)


def far_words(support: Support, words_WD: Float[Tensor, "W D"]) -> Float[Tensor, "T M D"]:
    """The 15 % of the words that are furthest from each task's classes, the furthest first.

    A word is as near as the 95 % quantile of its cosines with the class names (NegMining). That is
    the largest of up to 20, so that no class's own name gets in, as it could by interpolation.
    """
    cosines_TWN = words_WD @ support.text_TND.mT
    ruled_out_T1N = ~support.class_mask_TN[:, None]
    n_T = support.class_mask_TN.sum(-1)
    ascending_TWN = cosines_TWN.masked_fill(ruled_out_T1N, torch.inf).sort(-1).values
    place_T = (NEARNESS * (n_T - 1)).ceil().long()
    nearness_TW = ascending_TWN.gather(
        -1, place_T[:, None, None].expand(-1, len(words_WD), 1).clamp(min=0)
    )[..., 0]
    n_words = max(1, round(SHARE * len(words_WD)))
    order_TM = nearness_TW.sort(dim=-1, stable=True).indices[:, :n_words]
    return words_WD[order_TM]


def _cosines(asked: Asked) -> Float[Tensor, "T Q N"]:
    """With each text, in float64; −∞ for a class that is not there."""
    there_TN: Bool[Tensor, "T N"] = asked.support.class_mask_TN
    cosines_TQN = (asked.rows_TQD @ asked.support.text_TND.mT).double()
    return cosines_TQN.masked_fill(~there_TN[:, None], -torch.inf)
