"""Canonical support and corrections → adapter weights in the encoder's own coordinates."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from metaadapter.adapter import AdapterWeights
from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.closed_forms import gaussian_discriminant, ridge_towards_prior
from metaadapter.generator.heads import Corrections

__all__ = ["emit"]

# Chosen on Tiny ImageNet's training classes, PACS, TrashNet and Omniglot: docs/closed-form.md.
RIDGE = 1.0
TEXT_TRUST = 0.5
BALANCE = 1.5
TEXT_AS_SHOT_NOISE = 0.1
SCALE_AT_ONE_SHOT = 17.6
SCALE_DECAY = 0.18
# Tip-Adapter's and CLIP-Adapter's published defaults.
CACHE_BETA = 1.0
VISUAL_RATIO = 0.2


def emit(
    support: CanonicalSupport, corrections: Corrections, *, with_cache: bool
) -> AdapterWeights:
    """Combine the support into an adapter.

    In canonical coordinates z = (x − c) / r the logits are κ (W z + b), with W the ridge solution
    towards the text plus the learned combinations; in raw ones κ (W/r · x + b − W c / r).
    A task without a picture gets zero-shot CLIP.
    """
    pictured_T1 = support.has_shots_T[:, None]
    classes_TND, bias_TN = _class_vectors(support, corrections)
    classes_TND = torch.where(pictured_T1[..., None], classes_TND, support.text_TND)
    scale_T = _scale(support, corrections)
    raw_TND = classes_TND / support.image_spread_T[:, None, None]
    at_centre_TN = (raw_TND * support.image_centre_TD[:, None]).sum(-1)
    bias_TN = scale_T[:, None] * (bias_TN * pictured_T1 - at_centre_TN)
    weights = AdapterWeights(
        classes=raw_TND,
        class_bias=bias_TN.masked_fill(~support.class_mask_TN, -torch.inf),
        logit_scale=scale_T,
        **_bottleneck(support, corrections),
        **(_cache(support, corrections, scale_T) if with_cache else {}),
    )
    return weights.to(dtype=support.shots_TNKD.dtype)


def _class_vectors(support: CanonicalSupport, corrections: Corrections) -> tuple[Tensor, Tensor]:
    """Canonical class vectors and biases of tasks with pictures."""
    # The factors need float64 at thousands of shots; Apple's GPU has none.
    solver = torch.float32 if support.shots_TNKD.device.type == "mps" else torch.float64
    means, text = support.means_TND.to(solver), support.text_TND.to(solver)
    prior = TEXT_TRUST * corrections.log_trust_TN.exp()[..., None] * text
    rows, targets, noise = (tensor.to(solver) for tensor in _regression(support, corrections))
    ridge = ridge_towards_prior(rows, targets, noise, prior)
    discriminant, discriminant_bias = gaussian_discriminant(
        support.shots_TNKD.to(solver), support.shot_mask_TNK, means
    )
    gate = corrections.discriminant_T
    learned = (
        corrections.from_text_TNN.to(solver) @ text + corrections.from_means_TNN.to(solver) @ means
    )
    classes = ridge + gate[:, None, None] * discriminant + learned
    return classes, corrections.bias_TN + gate[:, None] * discriminant_bias


def _regression(
    support: CanonicalSupport, corrections: Corrections
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, one-hot targets and noise of the ridge: the shots, then the texts of bare classes.

    The noise grows with the shots of a class, so that one with many does not outvote the others. A
    class with a text and no picture enters with its text in place of one.
    """
    n_shot = support.n_shot_TN
    share = n_shot.clamp(min=1) / _mean_shots(support)[:, None]
    shot_noise = RIDGE * share[..., None] ** BALANCE * corrections.log_noise_TNK.exp()
    bare = (support.text_mask_TN & (n_shot == 0) & support.has_shots_T[:, None]).to(n_shot.dtype)
    text_noise = torch.where(bare > 0, TEXT_AS_SHOT_NOISE, RIDGE)
    rows = torch.cat([support.shots_TNKD.flatten(1, 2), support.text_TND * bare[..., None]], 1)
    targets = torch.cat([_one_hot_targets(support), torch.diag_embed(bare)], 1)
    return rows, targets, torch.cat([shot_noise.flatten(1), text_noise], 1)


def _one_hot_targets(support: CanonicalSupport) -> Tensor:
    """(T, NK, N) labels of the shots, rows of zeros for padding."""
    n_way, n_shot = support.shot_mask_TNK.shape[1:]
    labels = torch.arange(n_way, device=support.shot_mask_TNK.device).repeat_interleave(n_shot)
    labelled = one_hot(labels, n_way) * support.shot_mask_TNK.flatten(1)[..., None]
    return labelled.to(support.shots_TNKD.dtype)


def _scale(support: CanonicalSupport, corrections: Corrections) -> Tensor:
    """(T,) inverse temperature κ: falls slowly with the shots, for ridge predictions sharpen."""
    decay_T = _mean_shots(support) ** -SCALE_DECAY
    fitted_T = SCALE_AT_ONE_SHOT * decay_T * corrections.log_scale_T.exp()
    return torch.where(support.has_shots_T, fitted_T, support.logit_scale_T * support.text_spread_T)


def _mean_shots(support: CanonicalSupport) -> Tensor:
    """(T,) mean number of pictures of the classes that have any; at least 1."""
    n_shot = support.n_shot_TN
    return (n_shot.sum(-1) / (n_shot > 0).sum(-1).clamp(min=1)).clamp(min=1)


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


def _cache(
    support: CanonicalSupport, corrections: Corrections, scale_T: Tensor
) -> dict[str, Tensor]:
    """Tip-Adapter's cache; β in canonical units, since 1 − cos is half a squared distance."""
    centre, spread = support.image_centre_TD[:, None, None], support.image_spread_T
    present = support.shot_mask_TNK[..., None]
    keys = normalize((support.shots_TNKD * spread[:, None, None, None] + centre) * present, dim=-1)
    return {
        "keys": keys.flatten(1, 2),
        "values": _one_hot_targets(support),
        "alpha": scale_T * corrections.alpha_T,
        "beta": CACHE_BETA * corrections.log_beta_T.exp() / spread**2,
    }
