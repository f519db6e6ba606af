"""How well the texts of a task explain its labelled pictures."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport, masked_mean
from metaadapter.generator.network_share import MOST_WAYS, usual_shots
from metaadapter.generator.ridge.closed_form import ClosedForm

LEAST_SLOPE = 0.02
"""Texts that explain nothing, or the opposite, have this slope."""
LEAST_SQUARE = 1e-12
LEAST_WAYS = 8


class TextEvidence(NamedTuple):
    """The regression of labels on text scores, in T tasks, over classes with text and pictures.

    S_ij is the score of text j for the mean picture of class i, minus the mean over j. Y_ij is
    1 if i = j, else 0, minus the same mean. With n > 30 classes, the pairs of different classes
    count as if there were max(8, 30 √(30 / n)).
    """

    slope_T: Float[Tensor, " T"]
    """⟨S, Y⟩ / ⟨S, S⟩, the factor on S that predicts Y best; at least `LEAST_SLOPE`."""
    fit_T: Float[Tensor, " T"]
    """The squared cosine of S and Y without what chance explains; 0 if ⟨S, Y⟩ is negative."""
    weight_T: Float[Tensor, " T"]
    """The reliability of both, f / (f + `evidence_of_prior`) with f = (n − 1)² for n classes."""


def text_evidence(canonical: CanonicalSupport, constants: ClosedForm) -> TextEvidence:
    """Return the evidence, unchanged by rotation, width, order and padding.

    Memory grows linearly with the classes where these outnumber the features.
    """
    both_TN = canonical.text_mask_TN & canonical.image_mask_TN
    both_TN1 = both_TN[..., None].to(canonical.text_TND.dtype)
    means_TND = canonical.means_TND * both_TN1
    text_TND = (canonical.text_TND - masked_mean(canonical.text_TND, both_TN)[:, None]) * both_TN1
    own_TN = (means_TND * text_TND).sum(-1)
    n_T, own_T = both_TN1.sum((1, 2)), own_TN.sum(-1)
    square_T = _square_of_scores(means_TND, text_TND)
    # The more classes, the more pairs of different ones make the slope smaller.
    fewer_T = (MOST_WAYS * (MOST_WAYS / n_T.clamp(min=1)).sqrt()).clamp(min=LEAST_WAYS)
    counted_T = torch.where(n_T > MOST_WAYS, fewer_T, n_T)
    omitted_T = 1 - (counted_T - 1) / (n_T - 1).clamp(min=1)
    omitted_T = torch.where(n_T > MOST_WAYS, omitted_T, 0.0)
    square_T = square_T - omitted_T * (square_T - own_TN.square().sum(-1))
    freedom_T = (n_T - 1).clamp(min=0).square()
    slope_T = (own_T / square_T.clamp(min=LEAST_SQUARE)).clamp(min=LEAST_SLOPE)
    labels_T = (n_T - n_T / counted_T.clamp(min=1)).clamp(min=1)  # ⟨Y, Y⟩
    cosine_T = own_T.clamp(min=0) / (square_T * labels_T).clamp(min=LEAST_SQUARE).sqrt()
    prior = constants.evidence_of_prior
    fit_T = (cosine_T.square() * freedom_T - 1).clamp(min=0) / (freedom_T + prior)
    return TextEvidence(slope_T, fit_T, freedom_T / (freedom_T + prior))


def _square_of_scores(
    means_TND: Float[Tensor, "T N D"], text_TND: Float[Tensor, "T N D"]
) -> Float[Tensor, " T"]:
    """Return ⟨S, S⟩ with the smaller of two equal products."""
    if means_TND.shape[1] <= means_TND.shape[2]:
        return (means_TND @ text_TND.mT).square().sum((1, 2))
    return ((means_TND.mT @ means_TND) * (text_TND.mT @ text_TND)).sum((1, 2))


def text_trust(
    evidence: TextEvidence, canonical: CanonicalSupport, constants: ClosedForm
) -> Float[Tensor, "T N"]:
    """Return the trust in the text of each class, with pictures or without.

    Its logarithm is the mean of those of the evidence and of the constant, weighted by `weight_T`.
    """
    log_shots_T = usual_shots(canonical.n_shot_TN).clamp(min=1).log()
    kept_T = constants.growth_by_fit * evidence.fit_T - constants.trust_decay * log_shots_T
    pictured_T = _towards(constants.text_trust, constants.part_of_slope * kept_T.exp(), evidence)
    bare = torch.full_like(kept_T, constants.bare_part_of_slope)
    bare_T = _towards(constants.bare_text_trust, bare, evidence)
    return torch.where(canonical.image_mask_TN, pictured_T[:, None], bare_T[:, None])


def _towards(
    constant: float, part_T: Float[Tensor, " T"], evidence: TextEvidence
) -> Float[Tensor, " T"]:
    return constant ** (1 - evidence.weight_T) * (part_T * evidence.slope_T) ** evidence.weight_T
