"""The regression behind a classifier: rows, targets, noise, prior, and untrained constants."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import one_hot

from metaadapter.generator.canonical import CanonicalSupport

__all__ = ["LINEAR_RIDGE", "MOST_KERNEL_ROWS", "RIDGE", "Regression", "base_scale", "regression"]

# Chosen on the training sets alone: docs/closed-form.md.
RIDGE = 0.5
LINEAR_RIDGE = 1.0
SHARPNESS = 0.6
TEXT_TRUST = 0.5
BARE_TEXT_TRUST = 3.0
BALANCE = 2.0
SCALE_AT_ONE_SHOT = 17.6
SCALE_DECAY = 0.18
# Beyond so many pictures a kernel matrix is too large for a small machine; a linear one is not.
MOST_KERNEL_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Regression:
    """T tasks of M places for pictures of N classes, in canonical coordinates."""

    rows_TMD: Float[Tensor, "T M D"]
    targets_TMN: Float[Tensor, "T M N"]
    """One-hot labels; rows of zeros where nothing is."""
    noise_TM: Float[Tensor, "T M"]
    """How far each target may be missed; 1 where nothing is."""
    present_TM: Bool[Tensor, "T M"]
    prior_TND: Float[Tensor, "T N D"]
    """Class vectors before any picture is seen: texts times the trust in them."""
    sharpness_T: Float[Tensor, " T"]
    """Of the kernel."""

    @property
    def residual_TMN(self) -> Float[Tensor, "T M N"]:
        """What the prior leaves to explain."""
        return self.targets_TMN - self.rows_TMD @ self.prior_TND.mT

    @property
    def is_large_T(self) -> Bool[Tensor, " T"]:
        """Tasks with too many pictures for a kernel."""
        return self.present_TM.sum(1) > MOST_KERNEL_ROWS

    def without_large(self) -> Regression:
        """No row in the large tasks, and in the others those that are there first.

        There are as many places as the fullest task needs.
        """
        if not self.is_large_T.any() and self.present_TM.all():
            return self
        present_TM = self.present_TM & ~self.is_large_T[:, None]
        most = max(present_TM.sum(1).tolist(), default=0)
        order_TM = (~present_TM).to(torch.int8).argsort(dim=1, stable=True)[:, :most]
        present_TM = present_TM.gather(1, order_TM)
        there_TM1 = present_TM[..., None]

        def taken(rows: Tensor) -> Tensor:
            return rows.gather(1, order_TM[..., None].expand(-1, -1, rows.shape[-1])) * there_TM1

        return replace(
            self,
            rows_TMD=taken(self.rows_TMD),
            targets_TMN=taken(self.targets_TMN),
            noise_TM=torch.where(present_TM, self.noise_TM.gather(1, order_TM), 1.0),
            present_TM=present_TM,
        )


def regression(
    support: CanonicalSupport,
    log_noise_TNK: Float[Tensor, "T N K"] | None = None,
    log_trust_TN: Float[Tensor, "T N"] | None = None,
    log_sharpness_T: Float[Tensor, " T"] | None = None,
) -> Regression:
    """The regression of a batch of support sets, with corrections of its constants.

    The noise grows with the shots of a class, so that one with many does not outvote the others.
    """
    # The factors need float64 at thousands of shots; Apple's GPU has none.
    solver = torch.float32 if support.shots_TNKD.device.type == "mps" else torch.float64
    n_shot_TN = support.n_shot_TN.to(solver)
    share_TN1 = (n_shot_TN.clamp(min=1) / _mean_shots(support).to(solver)[:, None])[..., None]
    noise_TNK = RIDGE * share_TN1**BALANCE * _factor(log_noise_TNK, support.shot_mask_TNK, solver)
    # A text that stands alone has to reach as far as pictures do.
    trust_TN = torch.where(n_shot_TN > 0, TEXT_TRUST, BARE_TEXT_TRUST)
    trust_TN = trust_TN * _factor(log_trust_TN, support.text_mask_TN, solver)
    present_TM = support.shot_mask_TNK.flatten(1)
    return Regression(
        rows_TMD=support.shots_TNKD.flatten(1, 2).to(solver),
        targets_TMN=_one_hot_targets(support).to(solver),
        noise_TM=torch.where(present_TM, noise_TNK.flatten(1), 1.0),
        present_TM=present_TM,
        prior_TND=trust_TN[..., None] * support.text_TND.to(solver),
        sharpness_T=SHARPNESS * _factor(log_sharpness_T, support.has_shots_T, solver),
    )


def base_scale(support: CanonicalSupport) -> Float[Tensor, " T"]:
    """Inverse temperature κ: falls slowly with the shots, for ridge predictions sharpen."""
    return SCALE_AT_ONE_SHOT * _mean_shots(support) ** -SCALE_DECAY


def _factor(logarithm: Tensor | None, like: Tensor, dtype: torch.dtype) -> Tensor:
    if logarithm is None:
        return torch.ones(like.shape, dtype=dtype, device=like.device)
    return logarithm.to(dtype).exp()


def _mean_shots(support: CanonicalSupport) -> Tensor:
    """(T,) mean number of pictures of the classes that have any; at least 1."""
    n_shot = support.n_shot_TN
    return (n_shot.sum(-1) / (n_shot > 0).sum(-1).clamp(min=1)).clamp(min=1)


def _one_hot_targets(support: CanonicalSupport) -> Tensor:
    """(T, NK, N) labels of the shots, rows of zeros for padding."""
    n_way, n_shot = support.shot_mask_TNK.shape[1:]
    labels = torch.arange(n_way, device=support.shot_mask_TNK.device).repeat_interleave(n_shot)
    return one_hot(labels, n_way) * support.shot_mask_TNK.flatten(1)[..., None]
