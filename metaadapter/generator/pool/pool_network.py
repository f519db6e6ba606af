"""The network that corrects the constants for pools; untrained, it changes none of them."""

from __future__ import annotations

from typing import NamedTuple, final

from jaxtyping import Float
from torch import Tensor, nn

from metaadapter.generator.network import bounded, zero_linear

N_POOL_PICTURE_SCALARS, N_POOL_CLASS_SCALARS = 9, 10
N_POOL_TASK_SCALARS = 11 + 2 * N_POOL_PICTURE_SCALARS + N_POOL_CLASS_SCALARS
WIDTH, NARROW = 64, 32
LARGEST_LOG_CORRECTION = 2.5


class PoolScalars(NamedTuple):
    """The scalars of pools after a round; zeros where a mask is false."""

    task_TS: Float[Tensor, "T S"]
    classes_TNC: Float[Tensor, "T N C"]
    pictures_TUP: Float[Tensor, "T U P"]


class RoundCorrections(NamedTuple):
    """The logarithms of factors on the constants of one round; all 0 if untrained."""

    sharpness_T: Float[Tensor, " T"]
    first_power_T: Float[Tensor, " T"]
    share_T: Float[Tensor, " T"]
    """For the exponent of the class shares."""
    anchor_TN: Float[Tensor, "T N"]
    """For the weight of each labelled picture in the mean of its class."""
    class_TN: Float[Tensor, "T N"]
    """For the share of each class."""
    weight_TU: Float[Tensor, "T U"]
    """For the weight of each unlabelled picture in the means."""


class FinalCorrections(NamedTuple):
    """Corrections after the last round: logarithms of factors, or added; all 0 if untrained."""

    trust_T: Float[Tensor, " T"]
    """Added to the logit of the trust in the regression."""
    regression_T: Float[Tensor, " T"]
    """For the inverse temperature of the regression."""
    mixture_T: Float[Tensor, " T"]
    first_power_T: Float[Tensor, " T"]
    reach_TN: Float[Tensor, "T N"]
    bias_TN: Float[Tensor, "T N"]
    """Added to the logit of each class."""


@final
class PoolNetwork(nn.Module):
    """A small network that reads the scalars of pools; rounds, classes and pictures share it."""

    def __init__(self) -> None:
        super().__init__()
        self.task = nn.Sequential(
            nn.Linear(N_POOL_TASK_SCALARS, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH), nn.GELU()
        )
        self.classes = _Narrow(N_POOL_CLASS_SCALARS)
        self.pictures = _Narrow(N_POOL_PICTURE_SCALARS)
        self.round_task = zero_linear(WIDTH, 4)
        self.round_classes = zero_linear(NARROW, 2)
        self.round_pictures = zero_linear(NARROW, 1)
        self.final_task = zero_linear(WIDTH, 5)
        self.final_classes = zero_linear(NARROW, 2)

    def _read(self, scalars: PoolScalars) -> PoolScalars:
        return PoolScalars(*(part.to(self.round_task.weight.dtype) for part in scalars))

    def corrections_of_round(self, scalars: PoolScalars) -> RoundCorrections:
        """Predict the corrections for the next round."""
        dtype, scalars = scalars.task_TS.dtype, self._read(scalars)
        hidden_TH = self.task(scalars.task_TS)
        sharpness, power, share, anchor = _bounded(self.round_task(hidden_TH)).unbind(-1)
        classes_TN2 = _bounded(self.round_classes(self.classes(hidden_TH, scalars.classes_TNC)))
        pictures_TU1 = self.round_pictures(self.pictures(hidden_TH, scalars.pictures_TUP))
        corrections = RoundCorrections(
            sharpness_T=sharpness,
            first_power_T=power,
            share_T=share,
            anchor_TN=anchor[:, None] + classes_TN2[..., 0],
            class_TN=classes_TN2[..., 1],
            weight_TU=_bounded(pictures_TU1[..., 0]),
        )
        return RoundCorrections(*(part.to(dtype) for part in corrections))

    def final_corrections(self, scalars: PoolScalars) -> FinalCorrections:
        """Predict the corrections for the predictions that follow the last round."""
        dtype, scalars = scalars.task_TS.dtype, self._read(scalars)
        hidden_TH = self.task(scalars.task_TS)
        trust, regression, mixture, power, reach = self.final_task(hidden_TH).unbind(-1)
        classes_TN2 = self.final_classes(self.classes(hidden_TH, scalars.classes_TNC))
        corrections = FinalCorrections(
            trust_T=trust,
            regression_T=_bounded(regression),
            mixture_T=_bounded(mixture),
            first_power_T=_bounded(power),
            reach_TN=_bounded(reach[:, None] + classes_TN2[..., 0]),
            bias_TN=classes_TN2[..., 1],
        )
        return FinalCorrections(*(part.to(dtype) for part in corrections))


class _Narrow(nn.Module):
    """Embeds scalars of classes or pictures together with the hidden state of their task."""

    def __init__(self, n_scalars: int) -> None:
        super().__init__()
        self.own = nn.Linear(n_scalars, NARROW)
        self.of_task = nn.Linear(WIDTH, NARROW)

    def forward(self, hidden_TH: Tensor, scalars_TXS: Tensor) -> Tensor:
        mixed: Tensor = self.own(scalars_TXS) + self.of_task(hidden_TH)[:, None]
        return nn.functional.gelu(mixed)


def _bounded(logarithm: Tensor) -> Tensor:
    return bounded(logarithm, LARGEST_LOG_CORRECTION)
