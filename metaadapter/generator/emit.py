"""Canonical support and corrections → adapter weights in the encoder's own coordinates."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights
from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.closed_forms import kernel_ridge, ridge_towards_prior
from metaadapter.generator.heads import Corrections
from metaadapter.generator.regression import (
    LINEAR_RIDGE,
    RIDGE,
    Regression,
    regression,
)

__all__ = ["emit"]

# CLIP-Adapter's published default.
VISUAL_RATIO = 0.2


def emit(
    support: CanonicalSupport, corrections: Corrections, scale_T: Float[Tensor, " T"]
) -> AdapterWeights:
    """Combine the support into an adapter.

    In canonical coordinates z = (x − c) / r the logits are κ (W z + Σ_m a_m k(z_m, z) + b): W are
    the texts times their trust plus the learned combinations, and a is the kernel ridge towards
    the texts, kept as a cache. In raw ones W/r · x − W c / r. A task with more than
    `MOST_KERNEL_ROWS` pictures has a linear ridge in W and an empty cache; one without a picture
    is zero-shot CLIP.

    Args:
        support: What is known.
        corrections: Of the closed form's constants, and what is added to it.
        scale_T: κ before its correction, of tasks with a picture.
    """
    problem = regression(
        support, corrections.log_noise_TNK, corrections.log_trust_TN, corrections.log_sharpness_T
    )
    pictured_T1 = support.has_shots_T[:, None]
    classes_TND = _class_vectors(support, corrections, problem)
    classes_TND = torch.where(pictured_T1[..., None], classes_TND, support.text_TND)
    scale_T = torch.where(
        support.has_shots_T,
        scale_T * corrections.log_scale_T.exp(),
        support.logit_scale_T * support.text_spread_T,
    )
    raw_TND = classes_TND / support.image_spread_T[:, None, None]
    at_centre_TN = (raw_TND * support.image_centre_TD[:, None]).sum(-1)
    bias_TN = scale_T[:, None] * (corrections.bias_TN * pictured_T1 - at_centre_TN)
    weights = AdapterWeights(
        classes=raw_TND,
        class_bias=bias_TN.masked_fill(~support.class_mask_TN, -torch.inf),
        logit_scale=scale_T,
        **_bottleneck(support, corrections),
        **_cache(support, problem.without_large(), scale_T),
    )
    return weights.to(dtype=support.shots_TNKD.dtype)


def _class_vectors(
    support: CanonicalSupport, corrections: Corrections, problem: Regression
) -> Tensor:
    """Prior and learned combinations; in tasks too large for a kernel also the linear ridge."""
    prior_TND = problem.prior_TND
    text, means = support.text_TND.to(prior_TND), support.means_TND.to(prior_TND)
    learned_TND = (
        corrections.from_text_TNN.to(prior_TND) @ text
        + corrections.from_means_TNN.to(prior_TND) @ means
    )
    is_large_T = problem.is_large_T
    if not is_large_T.any():
        return prior_TND + learned_TND
    noise_TM = LINEAR_RIDGE / RIDGE * problem.noise_TM
    ridge_TND = ridge_towards_prior(problem.rows_TMD, problem.targets_TMN, noise_TM, prior_TND)
    return torch.where(is_large_T[:, None, None], ridge_TND, prior_TND) + learned_TND


def _bottleneck(support: CanonicalSupport, corrections: Corrections) -> dict[str, Tensor]:
    """The visual adapter: unit inputs and outputs that are combinations of texts and means."""
    basis_TBD = torch.cat([support.text_TND, support.means_TND], 1)
    spread_T11 = support.image_spread_T[:, None, None]
    down_TRD = normalize(corrections.down_TRB.to(basis_TBD.dtype) @ basis_TBD, dim=-1)
    up_TRD = corrections.up_TRB.to(basis_TBD.dtype) @ basis_TBD
    return {
        "centre": support.image_centre_TD,
        "down": down_TRD / spread_T11,
        "bias": corrections.down_bias_TR,
        "up": (up_TRD * spread_T11).mT.contiguous(),
        "visual_ratio": VISUAL_RATIO * support.has_shots_T,
    }


def _cache(support: CanonicalSupport, problem: Regression, scale_T: Tensor) -> dict[str, Tensor]:
    """The kernel as a Tip-Adapter cache: for unit rows 1 − cos is half a squared distance."""
    values_TMN = kernel_ridge(
        problem.rows_TMD,
        problem.present_TM,
        problem.residual_TMN,
        problem.noise_TM,
        problem.sharpness_T,
    )
    spread_T11 = support.image_spread_T[:, None, None]
    keys_TMD = problem.rows_TMD * spread_T11 + support.image_centre_TD[:, None]
    sharpness_T1 = problem.sharpness_T[:, None]
    return {
        "keys": keys_TMD * problem.present_TM[..., None],
        "values": (values_TMN / sharpness_T1[..., None]).contiguous(),
        "alpha": scale_T,
        "beta": sharpness_T1 / support.image_spread_T[:, None] ** 2 * problem.present_TM,
    }
