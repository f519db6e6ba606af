"""Scores that compare a query with the class names, and with other words."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.bench.peers.unknown.queries import AnsweredQueries
from metaadapter.errors import UsageError

# The authors' quantile of a word's cosines with the classes, and their fraction of words.
NEARNESS, FRACTION = 0.95, 0.15
# The authors take 10,000 words in 100 groups; of 1,000 words the fraction is 150.
GROUP_SIZE = 30


def mcm(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """max_c softmax(cos(x, t))_c of the texts t at τ = 1 (MCM, Ming et al., NeurIPS 2022).

    At that temperature it is nearly the largest cosine less the mean cosine.
    """
    return _cosines(queries).softmax(-1).amax(-1)


def neg_label(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """The mean over groups of far words of Σ_c e(t_c) / (Σ_c e(t_c) + Σ_w e(w)).

    NegLabel (Jiang et al., ICLR 2024): e(t) = exp(s cos(x, t)), t_c are the texts of the classes,
    w the words of a group, s the encoder's inverse temperature. Every group has every n-th word of
    `far_words`; the authors draw groups at random.

    Raises:
        UsageError: There are no words, or the temperature is unknown.
    """
    if queries.words_WD is None:
        raise UsageError("NegLabel needs words beside the class names: give `words_WD`")
    far_TMD = far_words(queries.support, queries.words_WD)
    scale_T11 = queries.support.scale_T11.double()
    own_TQ = (scale_T11 * _cosines(queries)).logsumexp(-1)
    n_groups = max(1, far_TMD.shape[1] // GROUP_SIZE)
    other_TQM = scale_T11 * (queries.rows_TQD @ far_TMD.mT).double()
    fractions = [
        (own_TQ - other_TQM[..., first::n_groups].logsumexp(-1)).sigmoid()
        for first in range(n_groups)
    ]
    return torch.stack(fractions).mean(0)


def far_words(support: Support, words_WD: Float[Tensor, "W D"]) -> Float[Tensor, "T M D"]:
    """The 15 % of the words that are furthest from each task's classes, the furthest first.

    The nearness of a word is the 95 % quantile of its cosines with the class names (NegMining),
    without interpolation: of up to 20 classes it is the largest, which excludes the class names.
    """
    cosines_TWN = words_WD @ support.text_TND.mT
    ruled_out_T1N = ~support.class_mask_TN[:, None]
    n_T = support.class_mask_TN.sum(-1)
    ascending_TWN = cosines_TWN.masked_fill(ruled_out_T1N, torch.inf).sort(-1).values
    place_T = (NEARNESS * (n_T - 1)).ceil().long()
    nearness_TW = ascending_TWN.gather(
        -1, place_T[:, None, None].expand(-1, len(words_WD), 1).clamp(min=0)
    )[..., 0]
    n_words = max(1, round(FRACTION * len(words_WD)))
    order_TM = nearness_TW.sort(dim=-1, stable=True).indices[:, :n_words]
    return words_WD[order_TM]


def _cosines(queries: AnsweredQueries) -> Float[Tensor, "T Q N"]:
    """Cosines with each text, in float64; −∞ for an absent class."""
    mask_TN: Bool[Tensor, "T N"] = queries.support.class_mask_TN
    cosines_TQN = (queries.rows_TQD @ queries.support.text_TND.mT).double()
    return cosines_TQN.masked_fill(~mask_TN[:, None], -torch.inf)
