"""The regression behind a classifier: pictures to be mapped to one-hot labels, and a prior."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.closed_form import ClosedForm
from metaadapter.generator.ridge import ridge_towards_prior, squared_distances

__all__ = ["Regression", "base_scale", "linear_ridge", "regression"]


@dataclass(frozen=True, slots=True)
class Regression:
    """The pictures of T tasks in canonical coordinates, and the targets they are mapped to.

    X = N·K counts the places for pictures of a task, and M those that the fullest task needs which
    is small enough for a kernel. A larger task has no picture at the M places. The distances among
    pictures, which cost most, are computed once for all that is solved.
    """

    support: CanonicalSupport
    constants: ClosedForm
    places_TM: Int[Tensor, "T M"]
    """Which of the X places each of the M is; those with a picture come first."""
    present_TM: Bool[Tensor, "T M"]
    rows_TMD: Float[Tensor, "T M D"]
    targets_TMN: Float[Tensor, "T M N"]
    """One-hot labels; rows of zeros where nothing is."""
    distance_TMM: Float[Tensor, "T M M"]
    """Squared distances among the rows."""

    @property
    def is_large_T(self) -> Bool[Tensor, " T"]:
        """Tasks with too many pictures for a kernel."""
        n_pictures_T = self.support.shot_mask_TNK.sum((1, 2))
        return n_pictures_T > self.constants.most_kernel_rows

    def noise_TX(self, log_correction_TNK: Tensor | None = None) -> Float[Tensor, "T X"]:
        """How far each target may be missed, 1 where there is no picture.

        The noise grows with the shots of a class, so that one with many does not outvote others.
        """
        constants, mask_TNK = self.constants, self.support.shot_mask_TNK
        n_shot_TN = self.support.n_shot_TN.to(self.rows_TMD.dtype)
        mean_T1 = self.support.n_shot_T.to(n_shot_TN)[:, None]
        relative_TN1 = (n_shot_TN.clamp(min=1) / mean_T1)[..., None]
        noise_TNK = constants.ridge * relative_TN1**constants.balance
        if log_correction_TNK is not None:
            noise_TNK = noise_TNK * log_correction_TNK.to(noise_TNK).exp()
        return torch.where(mask_TNK, noise_TNK, 1.0).flatten(1)

    def prior_TND(self, log_correction_TN: Tensor | None = None) -> Float[Tensor, "T N D"]:
        """Class vectors before any picture is seen: the texts times the trust in them."""
        trust_TN = torch.where(
            self.support.n_shot_TN > 0, self.constants.text_trust, self.constants.bare_text_trust
        ).to(self.rows_TMD.dtype)
        if log_correction_TN is not None:
            trust_TN = trust_TN * log_correction_TN.to(trust_TN).exp()
        return trust_TN[..., None] * self.support.text_TND.to(trust_TN)

    def sharpness_T(self, log_correction_T: Tensor | None = None) -> Float[Tensor, " T"]:
        """The sharpness β of the kernel."""
        sharpness_T = self.rows_TMD.new_full((len(self.rows_TMD),), self.constants.sharpness)
        if log_correction_T is None:
            return sharpness_T
        return sharpness_T * log_correction_T.to(sharpness_T).exp()

    def take(self, values_TX: Float[Tensor, "T X"]) -> Float[Tensor, "T M"]:
        """The values at the M places; 1 where there is no picture."""
        return torch.where(self.present_TM, values_TX.gather(1, self.places_TM), 1.0)

    def residual_TMN(self, prior_TND: Float[Tensor, "T N D"]) -> Float[Tensor, "T M N"]:
        """The targets less what the prior class vectors say."""
        return self.targets_TMN - self.rows_TMD @ prior_TND.mT


def regression(support: CanonicalSupport, constants: ClosedForm) -> Regression:
    """The regression of a batch of support sets, in the precision that its factors need."""
    # Thousands of shots need float64; Apple's GPU has none.
    solver = torch.float32 if support.shots_TNKD.device.type == "mps" else torch.float64
    there_TX = support.shot_mask_TNK.flatten(1)
    n_pictures_T = there_TX.sum(1)
    kept_TX = there_TX & (n_pictures_T <= constants.most_kernel_rows)[:, None]
    most = max(kept_TX.sum(1).tolist(), default=0)
    places_TM = (~kept_TX).to(torch.int8).argsort(dim=1, stable=True)[:, :most]
    present_TM = kept_TX.gather(1, places_TM)
    rows_TXD = support.shots_TNKD.flatten(1, 2).to(solver)
    rows_TMD = rows_TXD.take_along_dim(places_TM[..., None], 1) * present_TM[..., None]
    targets_TXN = support.targets_TXN.to(solver)
    targets_TMN = targets_TXN.take_along_dim(places_TM[..., None], 1) * present_TM[..., None]
    return Regression(
        support=support,
        constants=constants,
        places_TM=places_TM,
        present_TM=present_TM,
        rows_TMD=rows_TMD,
        targets_TMN=targets_TMN,
        distance_TMM=squared_distances(rows_TMD),
    )


def base_scale(support: CanonicalSupport, constants: ClosedForm) -> Float[Tensor, " T"]:
    """The inverse temperature κ before any evidence: it falls slowly with the shots."""
    return constants.scale_at_one_shot * support.n_shot_T**-constants.scale_decay


def linear_ridge(
    problem: Regression, noise_TX: Float[Tensor, "T X"], prior_TND: Float[Tensor, "T N D"]
) -> Float[Tensor, "T N D"]:
    """Class vectors of the linear ridge over all pictures, which has no kernel matrix."""
    constants, support = problem.constants, problem.support
    return ridge_towards_prior(
        support.shots_TNKD.flatten(1, 2).to(prior_TND),
        support.targets_TXN.to(prior_TND),
        constants.linear_ridge / constants.ridge * noise_TX,
        prior_TND,
    )
