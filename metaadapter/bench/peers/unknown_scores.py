"""Published scores that separate known pictures from unknown ones.

Each score is a pure function of answered queries, the same for all methods, with one setting. No
score sees a stranger in advance, or two queries together. docs/explanation/unknown.md has the
formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.errors import UsageError

# The authors' quantile of a word's cosines with the classes, and their fraction of words.
NEARNESS, FRACTION = 0.95, 0.15
# The authors take 10,000 words in 100 groups; of 1,000 words the fraction is 150.
GROUP_SIZE = 30


@dataclass(frozen=True, slots=True)
class AnsweredQueries:
    """The queries of T tasks, and the answers of a method."""

    rows_TQD: Float[Tensor, "T Q D"]
    logits_TQN: Float[Tensor, "T Q N"]
    """The method's logits; −∞ for a class that is ruled out."""
    support: Support
    """The labelled pictures and names that the method was fitted to."""
    words_WD: Float[Tensor, "W D"] | None = None
    """Unit rows of words, for a score that compares classes with words."""


Score = Callable[[AnsweredQueries], Float[Tensor, "T Q"]]
"""The score of each query, higher for known pictures; only the order within a task counts."""


def msp(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """Log p / (1 − p) of p = max_c softmax(z)_c, z the logits (Hendrycks & Gimpel, ICLR 2017).

    The order is that of p. It still separates answers whose p rounds to 1 in float64, as most
    answers of an overconfident method do.
    """
    descending_TQN = queries.logits_TQN.double().sort(dim=-1, descending=True).values
    odds_TQ = descending_TQN[..., 0] - descending_TQN[..., 1:].logsumexp(-1)
    # Infinite if all other classes are ruled out, but an area under a curve needs finite numbers.
    return odds_TQ.clamp(max=torch.finfo(odds_TQ.dtype).max)


def energy(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """Log Σ_c exp(z_c) of the logits z, the negative free energy at T = 1 (Liu et al., 2020)."""
    return queries.logits_TQN.double().logsumexp(-1)


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


def prototype(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """max_c cos(x, μ_c), the cosine with the nearest mean picture of a class."""
    means_TND = normalize(queries.support.means_TND, dim=-1)
    cosines_TQN = queries.rows_TQD @ means_TND.mT
    return cosines_TQN.masked_fill(~_pictured(queries.support)[:, None], -torch.inf).amax(-1)


def mahalanobis(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """−min_c (x − μ_c) · P (x − μ_c), P = [I + Σ r rᵀ / tr(S)]⁻¹ (Lee et al., NeurIPS 2018).

    r are the n labelled pictures less the means μ of their N classes, and S = Σ r rᵀ / (n − N) is
    the covariance within classes, which the authors invert. Here there are fewer pictures than
    dimensions, so it is shrunk: P is tr(S) [Σ r rᵀ + tr(S) I]⁻¹, the empirical Bayes estimator of
    GDA (Kubokawa & Srivastava 2008), up to a factor that changes no order. With one picture of each
    class there is no r, and P is the identity.
    """
    exact = queries.support.exact
    pictured_TN, means_TND = _pictured(exact), exact.means_TND
    about_TNKD = (exact.shots_TNKD - means_TND[:, :, None]) * exact.present_TNK[..., None]
    rows_TMD = about_TNKD.flatten(1, 2)
    n_free_T = (exact.present_TNK.sum((1, 2)) - pictured_TN.sum(-1)).clamp(min=1)
    trace_T11 = (rows_TMD.square().sum((1, 2)) / n_free_T)[:, None, None]
    # Rounding errors alone are no variance.
    vanishes_T11 = trace_T11 <= torch.finfo(trace_T11.dtype).eps
    rows_TMD = rows_TMD.masked_fill(vanishes_T11, 0.0)
    trace_T11 = trace_T11.masked_fill(vanishes_T11, 1.0)
    # By Woodbury, d · P d = ‖d‖² − ‖A d‖² with A = L⁻¹ R and L Lᵀ = R Rᵀ + tr(S) I, the rows of R
    # being r: a matrix of the number of pictures in place of one of the width.
    identity_MM = torch.eye(rows_TMD.shape[1], dtype=rows_TMD.dtype, device=rows_TMD.device)
    lower_TMM = torch.linalg.cholesky(rows_TMD @ rows_TMD.mT + trace_T11 * identity_MM)
    whole_TMD = torch.linalg.solve_triangular(lower_TMM, rows_TMD, upper=False)
    a_TMD, means_TND = whole_TMD.to(queries.rows_TQD), means_TND.to(queries.rows_TQD)
    distance_TQN = _square_distances(queries.rows_TQD, means_TND) - _square_distances(
        queries.rows_TQD @ a_TMD.mT, means_TND @ a_TMD.mT
    )
    return -distance_TQN.masked_fill(~pictured_TN[:, None], torch.inf).amin(-1)


def _pictured(support: Support) -> Bool[Tensor, "T N"]:
    return support.present_TNK.any(-1)


def _square_distances(
    one_TQX: Float[Tensor, "T Q X"], other_TNX: Float[Tensor, "T N X"]
) -> Float[Tensor, "T Q N"]:
    products_TQN = one_TQX @ other_TNX.mT
    squares_TQ1 = one_TQX.square().sum(-1, keepdim=True)
    return squares_TQ1 - 2 * products_TQN + other_TNX.square().sum(-1)[:, None]


SCORES: dict[str, Score] = {
    "msp": msp,
    "energy": energy,
    "mcm": mcm,
    "neglabel": neg_label,
    "mahalanobis": mahalanobis,
    "prototype": prototype,
}
"""The scores by name, which is the suffix of a method, as in `GDA@energy`."""

READ_WORDS = frozenset({"neglabel"})
"""The scores that need words beside the class names."""
