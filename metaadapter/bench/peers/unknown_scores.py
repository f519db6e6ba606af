"""Published scores that separate known pictures from unknown ones.

Each score is a pure function of queries and a method's answers to them, with one setting for all
methods. It sees no stranger in advance and judges each query by itself. docs/explanation/unknown.md
has the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.errors import UsageError

# NegLabel's quantile of a word's cosines with the class names, and the fraction of words it keeps.
NEARNESS, FRACTION = 0.95, 0.15
# The authors put 10,000 words in 100 groups. Here about 150 of 1,000 words are kept.
GROUP_SIZE = 30


@dataclass(frozen=True, slots=True)
class AnsweredQueries:
    """The queries of T tasks, and a method's answers to them."""

    rows_TQD: Float[Tensor, "T Q D"]
    logits_TQN: Float[Tensor, "T Q N"]
    """The method's logits; −∞ for a class that is ruled out."""
    support: Support
    """The labelled pictures and names that the method was fitted to."""
    words_WD: Float[Tensor, "W D"] | None = None
    """Text features of words, for a score that compares classes with words."""


Score = Callable[[AnsweredQueries], Float[Tensor, "T Q"]]
"""Returns a score for each query, higher if known; only the order within a task counts."""


def msp(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """Return log p / (1 − p) with p = max_c softmax(z)_c, z the logits (Hendrycks & Gimpel, 2017).

    This has the order of p, but also separates answers whose p rounds to 1 in float64, as most
    answers of an overconfident method do.
    """
    descending_TQN = queries.logits_TQN.double().sort(dim=-1, descending=True).values
    odds_TQ = descending_TQN[..., 0] - descending_TQN[..., 1:].logsumexp(-1)
    # If all other classes are ruled out, it is infinite; an area under a curve needs finite scores.
    return odds_TQ.clamp(max=torch.finfo(odds_TQ.dtype).max)


def energy(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """Return log Σ_c exp(z_c), z the logits: the negative free energy (Liu et al., 2020)."""
    return queries.logits_TQN.double().logsumexp(-1)


def mcm(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """Return max_c softmax(cos(x, t_c)), MCM at temperature 1 (Ming et al., NeurIPS 2022).

    At this temperature the order is nearly that of the largest cosine minus the mean cosine.
    """
    return _cosines(queries).softmax(-1).amax(-1)


def neg_label(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """Return NegLabel (Jiang et al., ICLR 2024): the mean of Σ_c e(t_c) / (Σ_c e(t_c) + Σ_w e(w)).

    e(t) = exp(s cos(x, t)), with s the encoder's inverse temperature; t_c are the texts of the
    classes, w the words of a group. The mean is over n groups of `far_words`, each with every n-th
    word; the authors draw groups at random.
    """
    if queries.words_WD is None:
        raise UsageError("NegLabel needs words in addition to the class names; give `words_WD`")
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
    """Return the 15 % of the words that are furthest from a task's classes, the furthest first.

    The nearness of a word is the 95 % quantile of its cosines with the class names (NegMining),
    without interpolation. With up to 20 classes it is the largest, so no class name itself is far.
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
    """Return the cosines with each text, in float64; −∞ for an absent class."""
    mask_TN: Bool[Tensor, "T N"] = queries.support.class_mask_TN
    cosines_TQN = (queries.rows_TQD @ queries.support.text_TND.mT).double()
    return cosines_TQN.masked_fill(~mask_TN[:, None], -torch.inf)


SCORES: dict[str, Score] = {
    "msp": msp,
    "energy": energy,
    "mcm": mcm,
    "neglabel": neg_label,
}
"""The scores by their names, which are suffixes of methods, as in `GDA@energy`."""

READ_WORDS = frozenset({"neglabel"})
"""The scores that need words in addition to the class names."""
