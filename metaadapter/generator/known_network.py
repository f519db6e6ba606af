"""The network that predicts the known head; docs/explanation/unknown.md has the measurements."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metaadapter.adapter.known import FRACTIONS
from metaadapter.generator.known_scalars import N_KNOWN_SCALARS, weighted_quantiles
from metaadapter.generator.network import zero_linear
from metaadapter.generator.ridge.leave_one_out import LeftOut

# Weight of likeness, weight of doubt and constant, from a logistic regression on training tasks.
BASE = 8.0, -0.8, -0.95
# Quantiles in one-shot training tasks: of the logit of known, and of ln p of the true class.
USUAL_KNOWN = 0.44, -0.49, -1.14, -1.53, -2.01, -2.30
USUAL_OWN = -0.5, -1.5, -2.6, -3.3, -4.2, -4.9
WIDTH = 32
N_LEFT_OUT = 2 * (len(FRACTIONS) + 2)
LEAST_SPREAD = 1e-2
LARGEST = 20.0


@final
class KnownNetwork(nn.Module):
    """Predicts the known head: a logistic regression on likeness and doubt, and quantiles.

    It corrects the weights `BASE` and the quantiles of the left-out labelled pictures.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weights = _mlp(N_KNOWN_SCALARS, 3)
        self.quantiles = _mlp(N_KNOWN_SCALARS + 3 + N_LEFT_OUT, 2 * len(FRACTIONS))

    def forward(self, left_out: LeftOut, share_T: Float[Tensor, " T"]) -> dict[str, Tensor]:
        """Return the fields of the known head by name; gradients reach only this network.

        The share of the network in each task is a factor on its corrections.
        """
        evidence = left_out.of_known
        assert evidence is not None  # the generator asks for it wherever it predicts the head
        like = evidence.likeness
        dtype, out = next(self.parameters()).dtype, like.of_classes_TND.dtype
        share_T1 = share_T[:, None].to(dtype)
        scalars_TS = like.scalars_TS.to(dtype).clamp(-LARGEST, LARGEST)
        known_T3 = scalars_TS.new_tensor(BASE) + share_T1 * self.weights(scalars_TS)
        with torch.no_grad():
            left_out_TR2 = torch.stack([evidence.like_TR, evidence.doubt_TR], -1).to(dtype)
            known_TR = (left_out_TR2 @ known_T3[:, :2, None])[..., 0] + known_T3[:, 2:]
            own_TR = left_out.own_log_p_TR.exp().clamp(min=1e-9).log().to(dtype)
            weight_TR = left_out.weight_TR.to(dtype)
            several_T1 = like.several_share_T[:, None].to(dtype)
            known_base, known_input = _summary(known_TR, weight_TR, several_T1, USUAL_KNOWN)
            own_base, own_input = _summary(own_TR, weight_TR, several_T1, USUAL_OWN)
        inputs_TS = torch.cat([scalars_TS, known_T3.detach(), known_input, own_input], -1)
        changes = share_T1 * self.quantiles(inputs_TS.clamp(-LARGEST, LARGEST))
        spreads = known_input[:, -1:], own_input[:, -1:]
        known_TG, own_TG = (
            # The more pictures are kept, the lower the quantile.
            (base + change * spread.clamp(min=LEAST_SPREAD)).cummin(-1).values
            for base, change, spread in zip(
                (known_base, own_base), changes.chunk(2, -1), spreads, strict=True
            )
        )
        return {
            "likeness": like.of_classes_TND,
            "likeness_bias": like.bias_TN,
            "known": known_T3.to(out),
            "known_quantiles": known_TG.to(out),
            "own_quantiles": own_TG.clamp(max=0.0).to(out),
            "reject_threshold": known_TG[:, FRACTIONS.index(0.95)].sigmoid().to(out),
        }


def _summary(
    values_TM: Float[Tensor, "T M"],
    weights_TM: Float[Tensor, "T M"],
    share_T1: Float[Tensor, "T 1"],
    usual: tuple[float, ...],
) -> tuple[Float[Tensor, "T G"], Float[Tensor, "T S"]]:
    """Return quantiles of left-out values, and the network's input: quantiles, mean and spread.

    The smaller the share of classes with left-out pictures, the more the `usual` quantiles count.
    """
    usual_TG = values_TM.new_tensor(usual).expand(len(values_TM), -1)
    total_T1 = weights_TM.sum(-1, keepdim=True)
    mean_T1 = (values_TM * weights_TM).sum(-1, keepdim=True) / total_T1.clamp(min=1e-9)
    square_TM = (values_TM - mean_T1).square()
    spread_T1 = ((square_TM * weights_TM).sum(-1, keepdim=True) / total_T1.clamp(min=1e-9)).sqrt()
    sample_TG = weighted_quantiles(values_TM, weights_TM, 1 - values_TM.new_tensor(FRACTIONS))
    start_TG = torch.where(share_T1 > 0, share_T1 * sample_TG + (1 - share_T1) * usual_TG, usual_TG)
    spread_T1 = share_T1 * spread_T1 + (1 - share_T1)
    return start_TG, torch.cat([start_TG, share_T1 * mean_T1, spread_T1], -1)


def _mlp(n_in: int, n_out: int) -> nn.Sequential:
    last = zero_linear(WIDTH, n_out)
    return nn.Sequential(
        nn.Linear(n_in, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), last
    )
