"""The scalars of pools between two rounds, from inner products."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from metaadapter.generator.canonical import masked_mean
from metaadapter.generator.domain_shift import DomainShift, evenness
from metaadapter.generator.pool.pool_network import PoolScalars
from metaadapter.generator.relations import stacked

# Training rarely has more pictures of a class; a network's answers to more would be arbitrary.
MOST_POOL, MOST_TAKEN, MOST_SHOTS, MOST_SHIFT = 40, 400, 30, 30


@dataclass(frozen=True, slots=True)
class PoolMeans:
    """The class means between two rounds, in canonical coordinates."""

    mean_TND: Float[Tensor, "T N D"]
    """Unit class means of centred unit rows; zeros for a class without any picture."""
    centre_TD: Float[Tensor, "T D"]
    """The mean of the class means; a class with less than one picture counts by that fraction."""
    usual_length_T: Float[Tensor, " T"]
    """The root mean squared distance of all pictures from the centre."""
    length_TU: Float[Tensor, "T U"]
    """The distance of each unlabelled picture from the centre, divided by `usual_length_T`."""
    cosine_TUN: Float[Tensor, "T U N"]
    """The cosines of unlabelled pictures with class means, around the centre."""
    shot_cosine_TXN: Float[Tensor, "T X N"]
    """The same of the X places for labelled pictures."""


@dataclass(frozen=True, slots=True)
class PoolState:
    """The assignment of pools of U pictures to N classes between two rounds."""

    means: PoolMeans
    first_TUN: Float[Tensor, "T U N"]
    """The probabilities that the adapters without a pool give."""
    nearest_shot_TU: Float[Tensor, "T U"]
    """The largest cosine of each unlabelled picture with a labelled one."""
    assigned_TUN: Float[Tensor, "T U N"]
    """The fraction of each picture assigned to each class in the last round; 0 before the first."""
    change_T: Float[Tensor, " T"]
    """The fraction of the assignments that changed in the last round."""
    mask_TU: Bool[Tensor, "T U"]
    class_mask_TN: Bool[Tensor, "T N"]
    shot_mask_TNK: Bool[Tensor, "T N K"]
    shift: DomainShift
    fraction_done: float
    """The fraction of the rounds that are done."""


def pool_scalars(state: PoolState) -> PoolScalars:
    """Return the scalars of tasks, classes and pictures.

    Those of a task follow; then come the mean and standard deviation over pictures of the scalars
    of a picture, and the mean over classes of those of a class.

    - `log_ways`: log(number of classes)
    - `log_shots`: log(min(labelled pictures per class, 30) + 0.3)
    - `log_pool`: log(min(unlabelled pictures per class, 40) + 0.1)
    - `evenness_of_first`: exp(entropy) of the class shares in the first prediction, divided by the
      number of classes
    - `evenness`: the same for the shares after the round
    - `smallest_share`: smallest share / an equal share
    - `change`: fraction of the assignments that changed in the round
    - `fraction_done`: fraction of the rounds that are finished
    - `has_shots`: whether there is a labelled picture
    - `log_shift`: logarithm of the shift ratio, within 1/30 to 30
    - `shifted`: probability that the pool is of another domain
    """
    pictures = _picture_scalars(state)
    classes = _class_scalars(state)
    present_TU, class_mask_TN = state.mask_TU, state.class_mask_TN
    n_pool_T = present_TU.sum(-1).to(state.means.cosine_TUN)
    n_way_T = class_mask_TN.sum(-1).clamp(min=1).to(n_pool_T)
    n_shot_T = state.shot_mask_TNK.sum((1, 2)) / n_way_T
    mean_TP = masked_mean(pictures, present_TU)
    spread_TP = masked_mean((pictures - mean_TP[:, None]).square(), present_TU).add(1e-6).sqrt()
    share_TN = _shares(state.assigned_TUN, present_TU)
    task = {
        "log_ways": n_way_T.log(),
        "log_shots": (n_shot_T.clamp(max=MOST_SHOTS) + 0.3).log(),
        "log_pool": ((n_pool_T / n_way_T).clamp(max=MOST_POOL) + 0.1).log(),
        "evenness_of_first": evenness(_shares(state.first_TUN, present_TU), class_mask_TN),
        "evenness": evenness(share_TN, class_mask_TN),
        "smallest_share": _smallest(share_TN, class_mask_TN),
        "change": state.change_T,
        "fraction_done": torch.full_like(n_way_T, state.fraction_done),
        "has_shots": (n_shot_T > 0).to(n_pool_T),
        "log_shift": state.shift.ratio_T.clamp(1 / MOST_SHIFT, MOST_SHIFT).log(),
        "shifted": state.shift.probability_T,
    }
    task_TS = torch.cat(
        [stacked(task), mean_TP, spread_TP, masked_mean(classes, class_mask_TN)], -1
    )
    return PoolScalars(task_TS, classes, pictures)


def _picture_scalars(state: PoolState) -> Float[Tensor, "T U P"]:
    """Return the scalars of each picture of a pool.

    The first prediction is that of the adapter without the pool; a mean is that of a class after
    the round.

    - `nearest_mean`: cosine with the nearest mean, both relative to the mean of the means
    - `margin`: `nearest_mean` minus the cosine with the second nearest mean
    - `nearest_shot`: largest cosine with a labelled picture
    - `first`: largest probability in the first prediction
    - `first_margin`: `first` minus the second largest probability
    - `first_entropy`: entropy of the first prediction, divided by log(ways)
    - `agrees`: whether the nearest mean belongs to the most probable class
    - `assigned`: largest fraction of the picture assigned to one class
    - `length`: distance from the mean of the means / the usual distance, minus 1
    """
    cosine_TUN = state.means.cosine_TUN.masked_fill(~state.class_mask_TN[:, None], -1.0)
    (near_TU, next_TU), (nearest_TU, _) = _two_largest(cosine_TUN)
    (first_TU, second_TU), (likely_TU, _) = _two_largest(state.first_TUN)
    log_first_TUN = state.first_TUN.clamp(min=1e-9).log()
    n_way_T1 = state.class_mask_TN.sum(-1, keepdim=True).clamp(min=2).to(cosine_TUN)
    scalars = {
        "nearest_mean": near_TU,
        "margin": near_TU - next_TU,
        "nearest_shot": state.nearest_shot_TU,
        "first": first_TU,
        "first_margin": first_TU - second_TU,
        "first_entropy": -(state.first_TUN * log_first_TUN).sum(-1) / n_way_T1.log(),
        # Before any class mean is known, all classes are equally near.
        "agrees": ((nearest_TU == likely_TU) & (near_TU > next_TU)).to(cosine_TUN),
        "assigned": state.assigned_TUN.amax(-1),
        "length": state.means.length_TU - 1,
    }
    return stacked(scalars) * state.mask_TU[..., None]


def _class_scalars(state: PoolState) -> Float[Tensor, "T N C"]:
    """Return the scalars of each class of a task with a pool.

    - `log_shots`: log(min(its labelled pictures, 30) + 0.3)
    - `log_taken`: log(min(its pictures of the pool, 400) + 0.3)
    - `log_share`: log(its share of the pool / an equal share + 0.03)
    - `log_first_share`: the same for the share that the first prediction gives it
    - `pool_part`: fraction of its pictures that belong to the pool
    - `own_shots`: cosine of its labelled pictures with its mean
    - `own_pictures`: cosine of its pictures of the pool with its mean
    - `own_first`: probability that the first prediction gives it for its pictures of the pool
    - `rival_mean`: largest cosine of its mean and another mean
    - `has_shots`: whether it has a labelled picture
    """
    mask_TN = state.class_mask_TN
    n_way_T1 = mask_TN.sum(-1, keepdim=True).clamp(min=1).to(state.means.cosine_TUN)
    n_pool_T1 = state.mask_TU.sum(-1, keepdim=True).clamp(min=1).to(state.means.cosine_TUN)
    taken_TN, first_TN = state.assigned_TUN.sum(1), state.first_TUN.mul(state.mask_TU[..., None])
    first_TN = first_TN.sum(1)
    n_shot_TN = state.shot_mask_TNK.sum(-1).to(taken_TN)
    own_NN = torch.eye(mask_TN.shape[1], dtype=torch.bool, device=mask_TN.device)
    mean_TND, shot_mask_TNK = state.means.mean_TND, state.shot_mask_TNK
    rivals_TNN = (mean_TND @ mean_TND.mT).masked_fill(own_NN | ~mask_TN[:, None], -1.0)
    shot_cosine_TNKN = state.means.shot_cosine_TXN.reshape(*shot_mask_TNK.shape, mask_TN.shape[1])
    own_shot_TNK = torch.where(own_NN[None, :, None], shot_cosine_TNKN, 0.0).sum(-1)
    own_shot_TN = (own_shot_TNK * state.shot_mask_TNK).sum(-1) / n_shot_TN.clamp(min=1)
    weights_TUN = state.assigned_TUN / taken_TN.clamp(min=1e-6)[:, None]
    scalars = {
        "log_shots": (n_shot_TN.clamp(max=MOST_SHOTS) + 0.3).log(),
        "log_taken": (taken_TN.clamp(max=MOST_TAKEN) + 0.3).log(),
        "log_share": (taken_TN / n_pool_T1 * n_way_T1 + 0.03).log(),
        "log_first_share": (first_TN / n_pool_T1 * n_way_T1 + 0.03).log(),
        "pool_part": taken_TN / (taken_TN + n_shot_TN).clamp(min=1e-6),
        "own_shots": own_shot_TN,
        "own_pictures": (weights_TUN * state.means.cosine_TUN).sum(1),
        "own_first": (weights_TUN * state.first_TUN).sum(1),
        "rival_mean": rivals_TNN.amax(-1),
        "has_shots": (n_shot_TN > 0).to(taken_TN),
    }
    return stacked(scalars) * mask_TN[..., None]


def _shares(values_TUN: Tensor, mask_TU: Bool[Tensor, "T U"]) -> Float[Tensor, "T N"]:
    return (values_TUN * mask_TU[..., None]).sum(1)


def _smallest(share_TN: Tensor, mask_TN: Bool[Tensor, "T N"]) -> Float[Tensor, " T"]:
    """Return the smallest share divided by an equal share."""
    share_TN = share_TN / share_TN.sum(-1, keepdim=True).clamp(min=1e-12)
    return share_TN.masked_fill(~mask_TN, torch.inf).amin(-1) * mask_TN.sum(-1)


def _two_largest(values_TUN: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    if values_TUN.shape[-1] == 1:
        values_TUN = nn.functional.pad(values_TUN, (0, 1), value=-1.0)
    largest = values_TUN.topk(2, -1)
    return largest.values.unbind(-1), largest.indices.unbind(-1)
