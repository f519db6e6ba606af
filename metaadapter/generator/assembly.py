"""Assemble an adapter from a regression and the network's corrections."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.network import Corrections
from metaadapter.generator.ridge.linear_ridge import NormalEquations, normal_equations
from metaadapter.generator.ridge.regression import Regression


def assemble(
    problem: Regression,
    corrections: Corrections,
    scale_T: Float[Tensor, " T"],
    ridge: NormalEquations | None,
) -> AdapterWeights:
    """Return the adapters; `scale_T` is the inverse temperature κ before its correction.

    `ridge` is the linear ridge of large tasks, if nothing corrects its noise.

    In canonical coordinates z = s (x − c), with one factor s for each block, the logits are
    κ (W z + b). W is the texts times their trust, plus the ridge's change, plus learned
    combinations. In the encoder's coordinates, W z is (W s) x − (W s) c. A task without pictures
    gets zero-shot CLIP.
    """
    support = problem.support
    prior_TND = problem.prior_TND(corrections.log_trust_TN)
    noise_TX = problem.noise_TX(corrections.log_noise_TNK)
    pictured_T = support.image_mask_TN.any(-1)
    pictured_T1 = pictured_T[:, None]
    if problem.is_large:
        ridge = ridge or normal_equations(support.shots_TNKD, noise_TX)
        classes_TND = ridge.vectors_TND(prior_TND)
        # As in small tasks, all classes that have only a name change by the same vector.
        own_TND = problem.above_other_names((classes_TND - prior_TND).mT).mT
        classes_TND = classes_TND - own_TND
    else:
        residual_TMN = problem.residual_TMN(prior_TND)
        classes_TND = prior_TND + problem.vectors_TND(residual_TMN, noise_TX)
    classes_TND = classes_TND + _learned_vectors(support, corrections, prior_TND)
    classes_TND = torch.where(pictured_T1[..., None], classes_TND, support.text_TND)
    scale_T = torch.where(
        pictured_T,
        scale_T * torch.as_tensor(corrections.log_scale_T).exp(),
        _encoder_scale_T(support.raw) * support.text_spread_T,
    )
    raw_TND = classes_TND * support.scale_TD[:, None]
    at_centre_TN = (raw_TND * support.image_centre_TD[:, None]).sum(-1)
    bias_TN = corrections.bias_TN + _mean_targets_TN(problem)
    bias_TN = scale_T[:, None] * (bias_TN * pictured_T1 - at_centre_TN)
    weights = AdapterWeights(
        classes=raw_TND,
        class_bias=bias_TN.masked_fill(~support.raw.class_mask_TN, -torch.inf),
        logit_scale=scale_T,
    )
    return weights.to(dtype=support.shots_TNKD.dtype)


def _mean_targets_TN(problem: Regression) -> Float[Tensor, "T N"]:
    """Return the mean target of each class, if all classes with pictures count alike.

    Centred pictures have the mean score 0, so this is what the scores lack: 0 for classes with only
    a name, which no labelled picture shows, and the same for all others. As many pictures as the
    ridge has noise count as pictures of none of the classes.
    """
    support = problem.support
    pictured_TN = support.image_mask_TN.to(problem.targets_TMN)
    n_pictures_T1 = support.n_shot_TN.sum(-1, keepdim=True)
    share_T1 = n_pictures_T1 / (n_pictures_T1 + problem.constants.ridge)
    return share_T1 * pictured_TN / pictured_TN.sum(-1, keepdim=True).clamp(min=1)


def _learned_vectors(
    canonical: CanonicalSupport, corrections: Corrections, like: Tensor
) -> Tensor | float:
    from_text, from_means = corrections.from_text_TNN, corrections.from_means_TNN
    if from_text is None or from_means is None:
        return 0.0
    of_texts_TND = from_text.to(like) @ canonical.text_TND.to(like)
    of_means_TND: Tensor = from_means.to(like) @ canonical.means_TND.to(like)
    return of_texts_TND + of_means_TND


def _encoder_scale_T(support: Support) -> Tensor:
    """Return the encoder's inverse temperature; 1 if it is unknown and no task needs it."""
    if support.logit_scale_T is None and support.present_TNK.any(-1).any(-1).all():
        return support.text_TND.new_ones(support.n_tasks)
    return support.scale_T
