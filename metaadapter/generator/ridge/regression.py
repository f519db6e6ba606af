"""The regression behind an adapter: it maps pictures to one-hot labels; texts are the prior."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.network_share import network_share, usual_shots
from metaadapter.generator.ridge.closed_form import ClosedForm
from metaadapter.generator.ridge.dual_ridge import dual_ridge
from metaadapter.generator.text_evidence import TextEvidence, text_evidence, text_trust


@dataclass(frozen=True, slots=True)
class Regression:
    """The pictures of T tasks in canonical coordinates, and the targets to which they are mapped.

    A task has X = N·K places for pictures. M is the largest number of pictures in a task, or 0 if
    they are too many for a matrix of their inner products. These cost most, so they are computed
    once, for each block. A `correction` is the logarithm of a factor.
    """

    support: CanonicalSupport
    constants: ClosedForm
    is_large: bool
    """Whether the tasks have too many pictures for a matrix of their inner products."""
    places_TM: Int[Tensor, "T M"]
    """For each of the M places its index among the X; places with a picture come first."""
    present_TM: Bool[Tensor, "T M"]
    targets_TMN: Float[Tensor, "T M N"]
    """One-hot labels in the precision of the solver; zeros where there is no picture."""
    block_gram_TPMM: Float[Tensor, "T P M M"]
    """Inner products of the pictures within each block."""
    gram_TMM: Float[Tensor, "T M M"]
    """Inner products of the pictures."""
    evidence: TextEvidence
    """How well the texts explain the pictures before the blocks are stretched."""

    def stretched(self, canonical: CanonicalSupport) -> Regression:
        """Return the regression for `support`, which differs from its own only in block weights."""
        stretch_TP = canonical.block_scale_TP / self.support.block_scale_TP
        block_gram_TPMM = stretch_TP.square()[..., None, None] * self.block_gram_TPMM
        return replace(
            self,
            support=canonical,
            block_gram_TPMM=block_gram_TPMM,
            gram_TMM=block_gram_TPMM.sum(1, dtype=self.gram_TMM.dtype),
        )

    @property
    def network_share_T(self) -> Float[Tensor, " T"]:
        """The factor on the network's corrections."""
        return network_share(self.support.n_shot_TN, self.support.raw.class_mask_TN)

    @property
    def base_scale_T(self) -> Float[Tensor, " T"]:
        """The inverse temperature κ before any evidence: it falls slowly with the shots."""
        constants = self.constants
        n_shot_T = usual_shots(self.support.n_shot_TN).clamp(min=1)
        of_fit_T = (-constants.decay_by_fit * self.evidence.fit_T).exp()
        return constants.scale_at_one_shot * of_fit_T * n_shot_T**-constants.scale_decay

    def noise_TX(self, correction_TNK: Tensor | float = 0.0) -> Float[Tensor, "T X"]:
        """Return the noise of each target, 1 where there is no picture.

        The weight of a class, which is its shots / their noise, falls from that of a class with
        the harmonic mean of the shots to `large_class_weight` of it as the shots grow.
        """
        weight = self.constants.large_class_weight
        n_shot_TN = self.support.n_shot_TN.to(self.targets_TMN)
        relative_TN1 = (n_shot_TN.clamp(min=1) / usual_shots(n_shot_TN)[:, None])[..., None]
        noise_TN1 = relative_TN1.square() / (weight * relative_TN1 + 1 - weight)
        alone_T = self.constants.ridge_alone ** (1 - self.network_share_T.to(noise_TN1))
        noise_TN1 = self.constants.ridge * alone_T[:, None, None] * noise_TN1
        noise_TNK = noise_TN1 * _factor(correction_TNK, noise_TN1)
        return torch.where(self.support.shot_mask_TNK, noise_TNK, 1.0).flatten(1)

    def prior_TND(self, correction_TN: Tensor | float = 0.0) -> Float[Tensor, "T N D"]:
        """Return the class vectors before any picture is seen: the texts times their trust."""
        trust_TN = text_trust(self.evidence, self.support, self.constants).to(self.targets_TMN)
        trust_TN = trust_TN * _factor(correction_TN, trust_TN)
        return trust_TN[..., None] * self.support.text_TND.to(trust_TN)

    @property
    def own_TM(self) -> Int[Tensor, "T M"]:
        """The class of each of the M places, with a picture or without."""
        return self.places_TM // max(1, self.support.shot_mask_TNK.shape[2])

    def take(self, values_TX: Float[Tensor, "T X"]) -> Float[Tensor, "T M"]:
        """Return the values at the M places, 1 where there is no picture."""
        return torch.where(self.present_TM, values_TX.gather(1, self.places_TM), 1.0)

    @property
    def rows_TMD(self) -> Float[Tensor, "T M D"]:
        """The canonical pictures at the M places."""
        return self.rows_of(self.support.shots_TNKD.flatten(1, 2))

    def rows_of(self, rows_TXD: Float[Tensor, "T X D"]) -> Float[Tensor, "T M D"]:
        """Return the rows at the M places, zeros where there is no picture."""
        return _at_places(rows_TXD, self.places_TM, self.present_TM)

    def residual_TMN(self, prior_TND: Float[Tensor, "T N D"]) -> Float[Tensor, "T M N"]:
        """Return targets minus prior predictions; classes with only a name share one residual."""
        predicted_TMN = self.predicted_TMN(prior_TND)
        return self.targets_TMN - (predicted_TMN - self.above_other_names(predicted_TMN))

    def above_other_names(self, values_TXN: Float[Tensor, "T X N"]) -> Float[Tensor, "T X N"]:
        """Return the values of classes with only a name, minus their mean; 0 for other classes."""
        alone_TN = self.support.raw.class_mask_TN & ~self.support.image_mask_TN
        alone_T1N = alone_TN[:, None].to(values_TXN)
        n_alone_T11 = alone_T1N.sum(-1, keepdim=True).clamp(min=1)
        mean_TX1 = (values_TXN * alone_T1N).sum(-1, keepdim=True) / n_alone_T11
        return (values_TXN - mean_TX1) * alone_T1N

    def vectors_TND(
        self, wanted_TMN: Float[Tensor, "T M N"], noise_TX: Float[Tensor, "T X"]
    ) -> Float[Tensor, "T N D"]:
        """Return the class vectors of the ridge towards 0 with these targets, of small tasks."""
        noise_TM = self.take(noise_TX)
        values_TMN, _ = dual_ridge(self.gram_TMM, self.present_TM, wanted_TMN, noise_TM)
        return values_TMN.mT @ self.rows_TMD.to(values_TMN)

    def predicted_TMN(self, prior_TND: Float[Tensor, "T N D"]) -> Float[Tensor, "T M N"]:
        """Return the predictions of the prior class vectors for the pictures."""
        return (self.rows_TMD @ prior_TND.to(self.support.shots_TNKD).mT).to(self.targets_TMN)


def regression(canonical: CanonicalSupport, constants: ClosedForm) -> Regression:
    """Return the regression of supports that are all large or all small, in solver precision."""
    # Thousands of shots need float64, which Apple's GPU does not have.
    solver = torch.float32 if canonical.shots_TNKD.device.type == "mps" else torch.float64
    mask_TX = canonical.shot_mask_TNK.flatten(1)
    n_places = max(mask_TX.sum(1).tolist(), default=0)
    is_large = n_places > constants.most_rows
    n_rows = 0 if is_large else n_places
    places_TM = (~mask_TX).to(torch.int8).argsort(dim=1, stable=True)[:, :n_rows]
    present_TM = mask_TX.gather(1, places_TM)
    rows_TMD = _at_places(canonical.shots_TNKD.flatten(1, 2), places_TM, present_TM)
    # A task of many classes has no room for the labels of all X places.
    own_TM1 = (places_TM // max(1, canonical.shot_mask_TNK.shape[2]))[..., None]
    classes_N = torch.arange(canonical.raw.n_way, device=own_TM1.device)
    targets_TMN = (own_TM1 == classes_N) & present_TM[..., None]
    widths = list(canonical.raw.blocks or rows_TMD.shape[-1:])
    block_gram_TPMM = torch.stack([part @ part.mT for part in torch.split(rows_TMD, widths, -1)], 1)
    return Regression(
        canonical,
        constants,
        is_large,
        places_TM,
        present_TM,
        targets_TMN.to(solver),
        block_gram_TPMM,
        gram_TMM=block_gram_TPMM.sum(1, dtype=solver),
        evidence=text_evidence(canonical, constants),
    )


def _at_places(rows_TXD: Tensor, places_TM: Tensor, present_TM: Tensor) -> Tensor:
    if places_TM.shape[1] == rows_TXD.shape[1] and present_TM.all():
        return rows_TXD  # the places are all in order, and a copy of wide rows takes long
    tasks_T1 = torch.arange(len(places_TM), device=places_TM.device)[:, None]
    return rows_TXD[tasks_T1, places_TM] * present_TM[..., None]


def _factor(correction: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(correction).to(like).exp()
