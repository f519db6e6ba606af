"""What a pool of unlabelled pictures looks like → corrections of the constants that it is read by.

Every output layer starts at zero, so that an untrained network leaves all constants as they are.
"""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

N_POOL_PICTURE_SCALARS, N_POOL_CLASS_SCALARS = 9, 10
N_POOL_TASK_SCALARS = 9 + 2 * N_POOL_PICTURE_SCALARS + N_POOL_CLASS_SCALARS
WIDTH, NARROW = 64, 32
LARGEST_LOG_CORRECTION = 2.5


class PoolScalars(NamedTuple):
    """What the network sees of pools after a round; zeros where a mask leaves out."""

    task_TS: Float[Tensor, "T S"]
    classes_TNC: Float[Tensor, "T N C"]
    pictures_TUP: Float[Tensor, "T U P"]


class RoundCorrections(NamedTuple):
    """The logarithms of factors on the constants of one round; all 0 where untrained."""

    sharpness_T: Float[Tensor, " T"]
    first_power_T: Float[Tensor, " T"]
    share_T: Float[Tensor, " T"]
    """On the power of the shares of the classes."""
    anchor_TN: Float[Tensor, "T N"]
    """On the weight of each labelled picture in the mean of its class."""
    class_TN: Float[Tensor, "T N"]
    """On the share of each class."""
    weight_TU: Float[Tensor, "T U"]
    """On the weight of each unlabelled picture in the means."""


class FinalCorrections(NamedTuple):
    """What is changed about the answer with the means of the last round; all 0 where untrained."""

    trust_T: Float[Tensor, " T"]
    """Added to the logit of the trust in the regression."""
    regression_T: Float[Tensor, " T"]
    """The logarithm of the factor on the regression's inverse temperature; likewise below."""
    mixture_T: Float[Tensor, " T"]
    first_power_T: Float[Tensor, " T"]
    reach_TN: Float[Tensor, "T N"]
    bias_TN: Float[Tensor, "T N"]
    """Added to the logit of each class."""


@final
class PoolNetwork(nn.Module):
    """A small network over the scalars of pools, the same for every round, class and picture."""

    def __init__(self) -> None:
        super().__init__()
        self.task = nn.Sequential(
            nn.Linear(N_POOL_TASK_SCALARS, WIDTH),
            nn.GELU(),
            nn.Linear(WIDTH, WIDTH),
            nn.GELU(),
        )
        self.classes = _Narrow(N_POOL_CLASS_SCALARS)
        self.pictures = _Narrow(N_POOL_PICTURE_SCALARS)
        self.round_task = _zero(nn.Linear(WIDTH, 4))
        self.round_classes = _zero(nn.Linear(NARROW, 2))
        self.round_pictures = _zero(nn.Linear(NARROW, 1))
        self.final_task = _zero(nn.Linear(WIDTH, 5))
        self.final_classes = _zero(nn.Linear(NARROW, 2))

    def _read(self, scalars: PoolScalars) -> PoolScalars:
        dtype = self.round_task.weight.dtype
        return PoolScalars(*(each.to(dtype) for each in scalars))

    def corrections_of_round(self, scalars: PoolScalars) -> RoundCorrections:
        """The corrections of the next round."""
        dtype, scalars = scalars.task_TS.dtype, self._read(scalars)
        hidden_TH = self.task(scalars.task_TS)
        sharpness, power, share, anchor = _bounded(self.round_task(hidden_TH)).unbind(-1)
        classes_TN2 = _bounded(self.round_classes(self.classes(hidden_TH, scalars.classes_TNC)))
        pictures_TU1 = self.round_pictures(self.pictures(hidden_TH, scalars.pictures_TUP))
        found = RoundCorrections(
            sharpness_T=sharpness,
            first_power_T=power,
            share_T=share,
            anchor_TN=anchor[:, None] + classes_TN2[..., 0],
            class_TN=classes_TN2[..., 1],
            weight_TU=_bounded(pictures_TU1[..., 0]),
        )
        return RoundCorrections(*(each.to(dtype) for each in found))

    def final_corrections(self, scalars: PoolScalars) -> FinalCorrections:
        """The corrections of the answer with the means of the last round."""
        dtype, scalars = scalars.task_TS.dtype, self._read(scalars)
        hidden_TH = self.task(scalars.task_TS)
        trust, regression, mixture, power, reach = self.final_task(hidden_TH).unbind(-1)
        classes_TN2 = self.final_classes(self.classes(hidden_TH, scalars.classes_TNC))
        found = FinalCorrections(
            trust_T=trust,
            regression_T=_bounded(regression),
            mixture_T=_bounded(mixture),
            first_power_T=_bounded(power),
            reach_TN=_bounded(reach[:, None] + classes_TN2[..., 0]),
            bias_TN=classes_TN2[..., 1],
        )
        return FinalCorrections(*(each.to(dtype) for each in found))


class _Narrow(nn.Module):
    """Scalars of classes or pictures in the light of what their task is like."""

    def __init__(self, n_scalars: int) -> None:
        super().__init__()
        self.own = nn.Linear(n_scalars, NARROW)
        self.of_task = nn.Linear(WIDTH, NARROW)

    def forward(self, hidden_TH: Tensor, scalars_TXS: Tensor) -> Tensor:
        mixed: Tensor = self.own(scalars_TXS) + self.of_task(hidden_TH)[:, None]
        return nn.functional.gelu(mixed)


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _bounded(logarithm: Tensor) -> Tensor:
    return LARGEST_LOG_CORRECTION * torch.tanh(logarithm / LARGEST_LOG_CORRECTION)
