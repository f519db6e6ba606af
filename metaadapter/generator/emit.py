"""Canonical support and corrections → adapter weights in the encoder's own coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from metaadapter.adapter import AdapterWeights
from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.closed_forms import kernel_ridge, ridge_towards_prior
from metaadapter.generator.heads import Corrections

__all__ = ["emit"]

# Chosen on Tiny ImageNet's training classes, PACS, TrashNet and Omniglot: docs/closed-form.md.
RIDGE = 0.5
LINEAR_RIDGE = 1.0
SHARPNESS = 0.6
TEXT_TRUST = 0.5
BARE_TEXT_TRUST = 3.0
BALANCE = 2.0
SCALE_AT_ONE_SHOT = 17.6
SCALE_DECAY = 0.18
# CLIP-Adapter's published default.
VISUAL_RATIO = 0.2
# Beyond so many pictures a kernel matrix is too large for a small machine; a linear one is not.
MOST_KERNEL_ROWS = 2048


def emit(support: CanonicalSupport, corrections: Corrections) -> AdapterWeights:
    """Combine the support into an adapter.

    In canonical coordinates z = (x − c) / r the logits are κ (W z + Σ_m a_m k(z_m, z) + b): W are
    the texts times their trust plus the learned combinations, and a is the kernel ridge towards
    them, kept as a cache. In raw ones W/r · x − W c / r. A task with more than `MOST_KERNEL_ROWS`
    pictures has a linear ridge in W and an empty cache; one without a picture is zero-shot CLIP.
    """
    fit = _fit(support, corrections)
    pictured_T1 = support.has_shots_T[:, None]
    classes_TND = torch.where(pictured_T1[..., None], fit.classes_TND, support.text_TND)
    scale_T = _scale(support, corrections)
    raw_TND = classes_TND / support.image_spread_T[:, None, None]
    at_centre_TN = (raw_TND * support.image_centre_TD[:, None]).sum(-1)
    bias_TN = scale_T[:, None] * (corrections.bias_TN * pictured_T1 - at_centre_TN)
    weights = AdapterWeights(
        classes=raw_TND,
        class_bias=bias_TN.masked_fill(~support.class_mask_TN, -torch.inf),
        logit_scale=scale_T,
        **_bottleneck(support, corrections),
        **_cache(support, fit, scale_T),
    )
    return weights.to(dtype=support.shots_TNKD.dtype)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Class vectors, and what each row of a cache says about each class."""

    classes_TND: Tensor
    rows_TMD: Tensor
    present_TM: Tensor
    values_TMN: Tensor
    sharpness_T: Tensor


def _fit(support: CanonicalSupport, corrections: Corrections) -> _Fit:
    """Both closed forms in canonical coordinates; each task gets one of them."""
    # The factors need float64 at thousands of shots; Apple's GPU has none.
    solver = torch.float32 if support.shots_TNKD.device.type == "mps" else torch.float64
    means, text = support.means_TND.to(solver), support.text_TND.to(solver)
    # A text that stands alone has to reach as far as pictures do.
    base_TN = torch.where(support.n_shot_TN > 0, TEXT_TRUST, BARE_TEXT_TRUST)
    prior = (base_TN * corrections.log_trust_TN.exp())[..., None] * text
    rows = _regression(support, corrections).to(solver)
    sharpness_T = (SHARPNESS * corrections.log_sharpness_T.exp()).to(solver)
    classes = prior + (
        corrections.from_text_TNN.to(solver) @ text + corrections.from_means_TNN.to(solver) @ means
    )
    is_large_T = rows.present_TM.sum(1) > MOST_KERNEL_ROWS
    if is_large_T.any():
        noise_TM = LINEAR_RIDGE / RIDGE * rows.noise_TM
        ridge = ridge_towards_prior(rows.rows_TMD, rows.targets_TMN, noise_TM, prior)
        classes = classes + is_large_T[:, None, None] * (ridge - prior)
        rows = rows.without(is_large_T)
    rows = rows.gathered()
    values_TMN = kernel_ridge(
        rows.rows_TMD,
        rows.present_TM,
        rows.targets_TMN - rows.rows_TMD @ prior.mT,
        rows.noise_TM,
        sharpness_T,
    )
    return _Fit(classes, rows.rows_TMD, rows.present_TM, values_TMN, sharpness_T)


@dataclass(frozen=True, slots=True)
class _Regression:
    """Rows, one-hot targets and noise of a regression; zeros with noise 1 where nothing is."""

    rows_TMD: Tensor
    targets_TMN: Tensor
    noise_TM: Tensor
    present_TM: Tensor

    def to(self, dtype: torch.dtype) -> _Regression:
        return _Regression(
            self.rows_TMD.to(dtype),
            self.targets_TMN.to(dtype),
            self.noise_TM.to(dtype),
            self.present_TM,
        )

    def without(self, tasks_T: Tensor) -> _Regression:
        """The same with no row in some tasks."""
        return _Regression(
            self.rows_TMD, self.targets_TMN, self.noise_TM, self.present_TM & ~tasks_T[:, None]
        )

    def gathered(self) -> _Regression:
        """The rows that are there first, and as many places as the fullest task needs."""
        most = max(self.present_TM.sum(1).tolist(), default=0)
        order_TM = (~self.present_TM).to(torch.int8).argsort(dim=1, stable=True)[:, :most]

        def taken(rows: Tensor) -> Tensor:
            return rows.gather(1, order_TM[..., None].expand(-1, -1, rows.shape[-1]))

        present_TM = self.present_TM.gather(1, order_TM)
        there = present_TM[..., None]
        return _Regression(
            taken(self.rows_TMD) * there,
            taken(self.targets_TMN) * there,
            self.noise_TM.gather(1, order_TM),
            present_TM,
        )


def _regression(support: CanonicalSupport, corrections: Corrections) -> _Regression:
    """The shots; the noise grows with those of a class, so that many do not outvote few."""
    share = support.n_shot_TN.clamp(min=1) / _mean_shots(support)[:, None]
    noise_TNK = RIDGE * share[..., None] ** BALANCE * corrections.log_noise_TNK.exp()
    present_TM = support.shot_mask_TNK.flatten(1)
    return _Regression(
        support.shots_TNKD.flatten(1, 2),
        _one_hot_targets(support),
        torch.where(present_TM, noise_TNK.flatten(1), 1.0),
        present_TM,
    )


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


def _cache(support: CanonicalSupport, fit: _Fit, scale_T: Tensor) -> dict[str, Tensor]:
    """The kernel as a Tip-Adapter cache: for unit rows 1 − cos is half a squared distance."""
    spread_T11 = support.image_spread_T[:, None, None]
    keys_TMD = fit.rows_TMD * spread_T11 + support.image_centre_TD[:, None]
    return {
        "keys": keys_TMD * fit.present_TM[..., None],
        "values": (fit.values_TMN / fit.sharpness_T[:, None, None]).contiguous(),
        "alpha": scale_T,
        "beta": (fit.sharpness_T / support.image_spread_T**2)[:, None] * fit.present_TM,
    }
