"""Assemble an adapter from a regression and the network's corrections."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.kernel_ridge import kernel_ridge
from metaadapter.generator.linear_ridge import NormalEquations, ridge_of
from metaadapter.generator.network import Corrections
from metaadapter.generator.regression import Regression

# The published default of CLIP-Adapter.
VISUAL_RATIO = 0.2


def assemble(
    problem: Regression,
    corrections: Corrections,
    scale_T: Float[Tensor, " T"],
    ridge: NormalEquations | None,
) -> AdapterWeights:
    """Return the adapters; `scale_T` is the inverse temperature κ before its correction.

    `ridge` is the linear ridge of large tasks, if nothing corrects its noise.

    In canonical coordinates z = s (x − c), with one factor s for each block, the logits are
    κ (W z + Σ_m a_m k(z_m, z) + b). W is the texts times their trust, plus learned combinations.
    The coefficients a of the kernel ridge become the cache. In the encoder's coordinates, W z is
    (W s) x − (W s) c. A task with too many pictures for a kernel has a linear ridge in W and an
    empty cache; a task without pictures gets zero-shot CLIP.
    """
    support = problem.support
    prior_TND = problem.prior_TND(corrections.log_trust_TN)
    noise_TX = problem.noise_TX(corrections.log_noise_TNK)
    sharpness_T = problem.sharpness_T(corrections.log_sharpness_T)
    pictured_T = support.image_mask_TN.any(-1)
    pictured_T1 = pictured_T[:, None]
    if ridge is None and problem.has_large:
        ridge = ridge_of(problem, noise_TX)
    classes_TND = _class_vectors(problem, corrections, prior_TND, ridge)
    classes_TND = torch.where(pictured_T1[..., None], classes_TND, support.text_TND)
    scale_T = torch.where(
        pictured_T,
        scale_T * corrections.log_scale_T.exp(),
        _encoder_scale_T(support.raw) * support.text_spread_T,
    )
    raw_TND = classes_TND * support.scale_TD[:, None]
    at_centre_TN = (raw_TND * support.image_centre_TD[:, None]).sum(-1)
    bias_TN = scale_T[:, None] * (corrections.bias_TN * pictured_T1 - at_centre_TN)
    values_TMN, _ = kernel_ridge(
        problem.distance_TMM,
        problem.present_TM,
        problem.residual_TMN(prior_TND),
        problem.take(noise_TX),
        sharpness_T,
    )
    weights = AdapterWeights(
        classes=raw_TND,
        class_bias=bias_TN.masked_fill(~support.raw.class_mask_TN, -torch.inf),
        logit_scale=scale_T,
        **_bottleneck(support, corrections),
        **_cache(problem, values_TMN, sharpness_T, scale_T),
    )
    return weights.to(dtype=support.shots_TNKD.dtype)


def _class_vectors(
    problem: Regression,
    corrections: Corrections,
    prior_TND: Tensor,
    ridge: NormalEquations | None,
) -> Tensor:
    """Return the prior (in large tasks the linear ridge) plus the learned combinations."""
    learned_TND = _learned_vectors(problem.support, corrections, prior_TND)
    if ridge is None:
        return prior_TND + learned_TND
    ridge_TND = ridge.vectors_TND(prior_TND)
    # As in the kernel ridge, all classes that have only a name change by the same vector.
    ridge_TND = ridge_TND - problem.above_other_names((ridge_TND - prior_TND).mT).mT
    return torch.where(problem.is_large_T[:, None, None], ridge_TND, prior_TND) + learned_TND


def _learned_vectors(
    support: CanonicalSupport, corrections: Corrections, like: Tensor
) -> Tensor | float:
    from_text, from_means = corrections.from_text_TNN, corrections.from_means_TNN
    if from_text is None or from_means is None:
        return 0.0
    of_texts_TND = from_text.to(like) @ support.text_TND.to(like)
    of_means_TND: Tensor = from_means.to(like) @ support.means_TND.to(like)
    return of_texts_TND + of_means_TND


def _bottleneck(support: CanonicalSupport, corrections: Corrections) -> dict[str, Tensor]:
    """Return the visual bottleneck, whose rows are combinations of texts and class means."""
    basis_TBD = torch.cat([support.text_TND, support.means_TND], 1)
    scale_T1D = support.scale_TD[:, None]
    down_TRD = normalize(corrections.down_TRB.to(basis_TBD.dtype) @ basis_TBD, dim=-1)
    up_TRD = corrections.up_TRB.to(basis_TBD.dtype) @ basis_TBD
    return {
        "centre": support.image_centre_TD,
        "down": down_TRD * scale_T1D,
        "bias": corrections.down_bias_TR,
        "up": (up_TRD / scale_T1D).mT.contiguous(),
        "visual_ratio": VISUAL_RATIO * support.image_mask_TN.any(-1),
    }


def _cache(
    problem: Regression, values_TMN: Tensor, sharpness_T: Tensor, scale_T: Tensor
) -> dict[str, Tensor]:
    support = problem.support
    raw_TMD = problem.rows_of(support.raw.rows_TMD)
    parts = values_TMN, sharpness_T, scale_T, problem.present_TM
    return kernel_cache(raw_TMD, support.scale_TD, *parts)


def kernel_cache(
    raw_TMD: Float[Tensor, "T M D"],
    scale_TD: Float[Tensor, "T D"],
    values_TMN: Float[Tensor, "T M N"],
    sharpness_T: Float[Tensor, " T"],
    scale_T: Float[Tensor, " T"],
    present_TM: Bool[Tensor, "T M"],
) -> dict[str, Tensor]:
    """Return the kernel as a Tip-Adapter cache; for unit rows, 1 − cos = squared distance / 2."""
    # With s the scale and blocks of constant length, ‖z − z'‖² = 2 (C − ⟨x, s² x'⟩).
    squared_T1D = scale_TD[:, None].square()
    scaled_TMD = raw_TMD * squared_T1D
    size_TM = (raw_TMD * scaled_TMD).sum(-1)
    sharpness_T1 = sharpness_T[:, None]
    return {
        "keys": scaled_TMD / size_TM[..., None].clamp(min=1e-12),
        "values": (values_TMN / sharpness_T1[..., None]).contiguous(),
        "alpha": scale_T,
        "beta": sharpness_T1 * size_TM * present_TM,
    }


def _encoder_scale_T(support: Support) -> Tensor:
    """Return the encoder's inverse temperature; 1 if it is unknown and no task needs it."""
    if support.logit_scale_T is None and support.present_TNK.any(-1).any(-1).all():
        return support.text_TND.new_ones(support.n_tasks)
    return support.scale_T
