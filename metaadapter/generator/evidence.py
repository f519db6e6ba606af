"""What a support set as a whole says about how far its texts and its pictures can be trusted.

Part of it is what the untrained classifier of all other pictures says of each picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport, Cosines
from metaadapter.generator.pairs import Pairs, directions
from metaadapter.generator.regression import Regression, kernel_ridge, left_out_residuals

N_TASK_SCALARS = 20
# Inverse temperatures of the zero-shot likelihood: about tiny's best, and a third of it.
SOFT, SHARP = 5.0, 15.0
# Log-normal prior of the inverse temperature around its base, and where it is looked for.
PRIOR_DEVIATION = 0.4
FARTHEST, N_SCALES = 1.2, 25
# So few that the answers at all temperatures take less memory than a kernel.
ROWS_AT_ONCE = 64
# Single precision serves here; below this noise its factors would not.
LEAST_NOISE = 1e-3


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is said of the M places for pictures of T tasks, each by a fit without that picture."""

    log_p_TMN: Float[Tensor, "T M N"]
    """Log-probabilities of the classes; −∞ for those that are not there."""
    is_own_TMN: Bool[Tensor, "T M N"]
    """Which class each picture is labelled with."""
    asked_TM: Bool[Tensor, "T M"]
    """Which pictures count: those of classes with several."""
    scale_T: Float[Tensor, " T"]
    """The inverse temperature that suits these answers; the base where no picture counts."""
    base_scale_T: Float[Tensor, " T"]
    """The inverse temperature before these answers are seen."""


def leave_one_out(problem: Regression) -> LeftOut:
    """Leave-one-out answers of the untrained closed form, and the temperature that suits them."""
    support, base_T = problem.support, problem.base_scale_T
    dtype = support.shots_TNKD.dtype
    targets_TMN, prior_TND = problem.targets_TMN.to(dtype), problem.prior_TND()
    values_and_factor = kernel_ridge(
        problem.distance_TMM.to(dtype),
        problem.present_TM,
        problem.residual_TMN(prior_TND).to(dtype),
        problem.take(problem.noise_TX()).to(dtype).clamp(min=LEAST_NOISE),
        problem.sharpness_T().to(dtype),
    )
    answers_TMN = targets_TMN - left_out_residuals(*values_and_factor)
    answers_TMN = answers_TMN + problem.among_names_TMN(prior_TND).to(dtype)
    answers_TMN = answers_TMN.masked_fill(~support.raw.class_mask_TN[:, None], -torch.inf)
    several_TN = (support.n_shot_TN > 1).to(dtype)
    asked_TM = (targets_TMN @ several_TN[..., None])[..., 0] > 0
    is_own_TMN = targets_TMN > 0
    weakening_T = _weakening(support, problem.constants.weakening)
    answers_TMN = weakening_T[:, None, None] * answers_TMN
    scale_T = _posterior_scale(answers_TMN, is_own_TMN, asked_TM, base_T)
    log_p_TMN = (scale_T[:, None, None] * answers_TMN).log_softmax(-1)
    return LeftOut(log_p_TMN, is_own_TMN, asked_TM, scale_T, base_T)


def _weakening(support: CanonicalSupport, power: float) -> Float[Tensor, " T"]:
    """How much less sharp the temperature has to be for a class that lacks a picture."""
    several_TN = support.n_shot_TN > 1
    total_T = (support.n_shot_TN * several_TN).sum(-1)
    n_shot_T = (total_T / several_TN.sum(-1).clamp(min=1)).clamp(min=2)
    return (1 - 1 / n_shot_T) ** power


def _posterior_scale(
    answers_TMN: Tensor, is_own_TMN: Tensor, asked_TM: Tensor, base_T: Tensor
) -> Tensor:
    """(T,) e to the posterior mean of the logarithm of the inverse temperature, over a grid."""
    steps_S = torch.linspace(-FARTHEST, FARTHEST, N_SCALES, dtype=base_T.dtype).to(base_T)
    scale_TS1 = (base_T[:, None] * steps_S.exp())[..., None]
    log_sums = [
        (scale_TS1[..., None] * some[:, None]).logsumexp(-1)
        for some in torch.split(answers_TMN, ROWS_AT_ONCE, dim=1)
    ]
    own_TM = torch.where(is_own_TMN, answers_TMN, 0.0).sum(-1)
    log_p_TSM = scale_TS1 * own_TM[:, None] - torch.cat(log_sums, -1)
    likelihood_TS = torch.where(asked_TM[:, None], log_p_TSM, 0.0).sum(-1)
    weights_TS = (likelihood_TS - 0.5 * (steps_S / PRIOR_DEVIATION) ** 2).softmax(-1)
    return base_T * (weights_TS @ steps_S).exp()


def task_evidence(
    support: CanonicalSupport, cosines: Cosines, left_out: LeftOut
) -> dict[str, Float[Tensor, " T"]]:
    """The scalars of each task by name, unchanged by rotation, width, order and padding."""
    texts, means, cross = cosines.classes_3TNN
    pairs = Pairs((support.text_mask_TN & support.image_mask_TN).to(cross.dtype))
    likeness = torch.stack([texts, means, (cross + cross.mT) / 2, cross])
    centred = pairs.centred(likeness)
    text, mean, _, between = sizes = pairs.size(centred)
    first, second = [0, 0, 1], [1, 2, 2]
    along = pairs.others(centred[first] * centred[second]) / (sizes[first] * sizes[second])
    directions_T = directions(support.shots_TNKD.flatten(1, 2))
    n_pictures_T = support.n_shot_TN.sum(-1).clamp(min=1)
    n_text_T = support.text_mask_TN.sum(-1).clamp(min=1)
    n_mean_T = support.image_mask_TN.sum(-1).clamp(min=1)
    log_way_T = support.raw.class_mask_TN.sum(-1).clamp(min=1).to(cross.dtype).log()
    return {
        # How much closer texts are to their own mean than to others, in deviations; and the same
        # once each text's and each mean's average is taken away.
        "own_text_gap": (pairs.own(cross) - pairs.others(cross)) / between,
        "own_text_gap_centred": pairs.own_after_margins(cross),
        # Whether classes that are alike by text are alike by pictures; and whether likeness by text
        # and by mean goes with likeness of text to mean.
        "text_mean_correlation": along[0],
        "text_cross_correlation": along[1],
        "mean_cross_correlation": along[2],
        # Spreads of the cosines among texts, among means, and of texts and means.
        "text_spread": 3 * text,
        "mean_spread": 3 * mean,
        "cross_spread": 3 * between,
        # How many directions the pictures, texts and means spread over, for each of them.
        "picture_directions": directions_T / n_pictures_T,
        "log_picture_directions": directions_T.clamp(min=1).log(),
        "text_directions": directions(support.text_TND) / n_text_T,
        "mean_directions": directions(support.means_TND) / n_mean_T,
        "mean_energy": support.means_TND.square().sum((1, 2)) / n_mean_T,
        **_zero_shot_scalars(support, cosines.to_text_TNKN, log_way_T),
        **_left_out_scalars(left_out, log_way_T),
    }


def _zero_shot_scalars(
    support: CanonicalSupport, to_text_TNKN: Tensor, log_way_T: Tensor
) -> dict[str, Tensor]:
    """Nats over guessing of the labels by the texts alone, at two temperatures, and accuracy."""
    n_way, n_shot = support.shot_mask_TNK.shape[1:]
    cosines = to_text_TNKN.masked_fill(~support.raw.class_mask_TN[:, None, None], -torch.inf)
    cosines_TXN, there_TX = cosines.flatten(1, 2), support.shot_mask_TNK.flatten(1)
    own_NN = torch.eye(n_way, dtype=torch.bool, device=cosines.device)
    is_own_XN = own_NN.repeat_interleave(n_shot, 0)
    soft_T, sharp_T = (
        _mean_own((sharpness * cosines_TXN).log_softmax(-1), is_own_XN, there_TX)
        for sharpness in (SOFT, SHARP)
    )
    return {
        "zero_shot_soft": soft_T + log_way_T,
        "zero_shot_sharp": sharp_T + log_way_T,
        "zero_shot_accuracy": log_way_T * _mean_own(_best(cosines_TXN), is_own_XN, there_TX),
    }


def _left_out_scalars(left_out: LeftOut, log_way_T: Tensor) -> dict[str, Tensor]:
    """The same of the closed form of all other pictures, for those of classes with several."""
    log_p_TMN, is_own_TMN, asked_TM = left_out.log_p_TMN, left_out.is_own_TMN, left_out.asked_TM
    has_any_T = asked_TM.any(-1).to(log_p_TMN.dtype)
    return {
        "left_out_gain": _mean_own(log_p_TMN, is_own_TMN, asked_TM) + log_way_T * has_any_T,
        "left_out_accuracy": _mean_own(_best(log_p_TMN), is_own_TMN, asked_TM) * log_way_T,
        "left_out_scale": (left_out.scale_T / left_out.base_scale_T).log(),
        "has_left_out": has_any_T,
    }


def _mean_own(
    values_TXN: Float[Tensor, "T X N"], is_own: Bool[Tensor, "*#T X N"], counts: Bool[Tensor, "T X"]
) -> Float[Tensor, " T"]:
    """The mean of the values at the pictures' own classes, over those that count; 0 without any."""
    own_TX = torch.where(is_own, values_TXN, 0.0).sum(-1)
    return torch.where(counts, own_TX, 0.0).sum(-1) / counts.sum(-1).clamp(min=1)


def _best(values: Float[Tensor, "T X N"]) -> Float[Tensor, "T X N"]:
    """1 for the largest value, 0 for the others, 1/n for each of n largest ones.

    Without texts all classes are equal, and the first of them must not count for more.
    """
    best = (values == values.max(-1, keepdim=True).values).to(values.dtype)
    return best / best.sum(-1, keepdim=True)
