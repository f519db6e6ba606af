"""Canonical support and corrections → adapter weights in the encoder's own coordinates."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights
from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.network import Corrections
from metaadapter.generator.regression import Regression, kernel_ridge, ridge_towards_prior

__all__ = ["emit"]

# CLIP-Adapter's published default.
VISUAL_RATIO = 0.2


def emit(
    problem: Regression,
    corrections: Corrections,
    scale_T: Float[Tensor, " T"],
    logit_scale_T: Float[Tensor, " T"],
) -> AdapterWeights:
    """Combine the support into an adapter.

    In canonical coordinates z = (x − c) / r the logits are κ (W z + Σ_m a_m k(z_m, z) + b): W are
    the texts times their trust plus the learned combinations, and a is the kernel ridge towards
    the texts, kept as a cache. In raw ones W/r · x − W c / r. A task with too many pictures for a
    kernel has a linear ridge in W and an empty cache; one without a picture is zero-shot CLIP.

    Args:
        problem: What is known.
        corrections: What the network changes about the closed form's constants, and adds to it.
        scale_T: κ before its correction, of tasks with a picture.
        logit_scale_T: The encoder's inverse temperature, of tasks without.
    """
    support = problem.support
    prior_TND = problem.prior_TND(corrections.log_trust_TN)
    noise_TX = problem.noise_TX(corrections.log_noise_TNK)
    sharpness_T = problem.sharpness_T(corrections.log_sharpness_T)
    pictured_T = support.image_mask_TN.any(-1)
    pictured_T1 = pictured_T[:, None]
    classes_TND = _class_vectors(problem, corrections, prior_TND, noise_TX)
    classes_TND = torch.where(pictured_T1[..., None], classes_TND, support.text_TND)
    scale_T = torch.where(
        pictured_T,
        scale_T * corrections.log_scale_T.exp(),
        logit_scale_T * support.text_spread_T,
    )
    raw_TND = classes_TND / support.image_spread_T[:, None, None]
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
        class_bias=bias_TN.masked_fill(~support.class_mask_TN, -torch.inf),
        logit_scale=scale_T,
        **_bottleneck(support, corrections),
        **_cache(problem, values_TMN, sharpness_T, scale_T),
    )
    return weights.to(dtype=support.shots_TNKD.dtype)


def _class_vectors(
    problem: Regression, corrections: Corrections, prior_TND: Tensor, noise_TX: Tensor
) -> Tensor:
    """Prior and learned combinations; in tasks too large for a kernel also the linear ridge."""
    support, constants, is_large_T = problem.support, problem.constants, problem.is_large_T
    learned_TND = corrections.from_text_TNN.to(prior_TND) @ support.text_TND.to(
        prior_TND
    ) + corrections.from_means_TNN.to(prior_TND) @ support.means_TND.to(prior_TND)
    if not is_large_T.any():
        return prior_TND + learned_TND
    ridge_TND = ridge_towards_prior(
        support.shots_TNKD.flatten(1, 2).to(prior_TND),
        support.targets_TXN.to(prior_TND),
        constants.linear_ridge / constants.ridge * noise_TX,
        prior_TND,
    )
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
        "visual_ratio": VISUAL_RATIO * support.image_mask_TN.any(-1),
    }


def _cache(
    problem: Regression, values_TMN: Tensor, sharpness_T: Tensor, scale_T: Tensor
) -> dict[str, Tensor]:
    """The kernel as a Tip-Adapter cache: for unit rows 1 − cos is half a squared distance."""
    support, present_TM1 = problem.support, problem.present_TM[..., None]
    spread_T11 = support.image_spread_T[:, None, None]
    keys_TMD = problem.rows_TMD * spread_T11 + support.image_centre_TD[:, None]
    sharpness_T1 = sharpness_T[:, None]
    return {
        "keys": keys_TMD * present_TM1,
        "values": (values_TMN / sharpness_T1[..., None]).contiguous(),
        "alpha": scale_T,
        "beta": sharpness_T1 / support.image_spread_T[:, None] ** 2 * problem.present_TM,
    }
