"""What a support set as a whole says about how far its texts and its pictures can be trusted."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.gram import GramBlocks
from metaadapter.generator.leave_one_out import LeftOut
from metaadapter.generator.scalars import TASK_SCALARS, stacked

__all__ = ["task_evidence"]

# Inverse temperatures of the zero-shot likelihood: about tiny's best, and a third of it.
SOFT, SHARP = 5.0, 15.0
TINY = 1e-6


def task_evidence(
    support: CanonicalSupport, blocks: GramBlocks, left_out: LeftOut
) -> Float[Tensor, "T E"]:
    """The `TASK_SCALARS` of each task, unchanged by rotation, width, order and padding."""
    both_TN = support.text_mask_TN & support.shot_mask_TNK.any(-1)
    cross = blocks.cross_TNN
    pairs = _Pairs(both_TN.to(cross.dtype))
    likeness = torch.stack([blocks.text_TNN, blocks.mean_TNN, (cross + cross.mT) / 2, cross])
    centred = pairs.centred(likeness)
    text, mean, _, between = sizes = pairs.size(centred)
    first, second = [0, 0, 1], [1, 2, 2]
    along = pairs.others(centred[first] * centred[second]) / (sizes[first] * sizes[second])
    n_pictures_T = support.n_shot_TN.sum(-1).clamp(min=1)
    directions_T = _directions(support.shots_TNKD.flatten(1, 2))
    n_text_T = support.text_mask_TN.sum(-1).clamp(min=1)
    n_mean_T = support.shot_mask_TNK.any(-1).sum(-1).clamp(min=1)
    scalars = {
        "own_text_gap": (pairs.own(cross) - pairs.others(cross)) / between,
        "own_text_gap_centred": pairs.own_after_margins(cross),
        "text_mean_correlation": along[0],
        "text_cross_correlation": along[1],
        "mean_cross_correlation": along[2],
        "text_spread": 3 * text,
        "mean_spread": 3 * mean,
        "cross_spread": 3 * between,
        "picture_directions": directions_T / n_pictures_T,
        "log_picture_directions": directions_T.clamp(min=1).log(),
        "text_directions": _directions(support.text_TND) / n_text_T,
        "mean_directions": _directions(support.means_TND) / n_mean_T,
        "mean_energy": support.means_TND.square().sum((1, 2)) / n_mean_T,
        **_zero_shot(support, blocks.to_text_TNKN),
        **_leave_one_out(support, left_out),
    }
    return stacked(scalars, TASK_SCALARS)


class _Pairs:
    """Means of (…, T, N, N) values over the pairs of classes that have both text and picture."""

    def __init__(self, both_TN: Tensor) -> None:
        self._own = torch.diag_embed(both_TN)
        self._other = both_TN[:, :, None] * both_TN[:, None] - self._own
        self._n_own = self._own.sum((1, 2)).clamp(min=1)
        self._n_other = self._other.sum((1, 2)).clamp(min=1)

    def own(self, values: Tensor) -> Tensor:
        return (values * self._own).sum((-2, -1)) / self._n_own

    def others(self, values: Tensor) -> Tensor:
        return (values * self._other).sum((-2, -1)) / self._n_other

    def centred(self, values: Tensor) -> Tensor:
        """The values off the diagonal, less their mean."""
        return (values - self.others(values)[..., None, None]) * self._other

    def size(self, centred: Tensor) -> Tensor:
        return (self.others(centred.square()) + TINY).sqrt()

    def own_after_margins(self, values: Tensor) -> Tensor:
        """The diagonal over the rest once each row's and each column's mean is taken away."""
        pairs = self._own + self._other
        count = self._n_own[:, None, None]
        left = (values - (values * pairs).sum(2, keepdim=True) / count) * pairs
        left = (left - left.sum(1, keepdim=True) / count) * pairs
        return self.own(left) / (self.others(left.square()) + TINY).sqrt()


def _directions(rows_TXD: Tensor) -> Tensor:
    """(T,) participation ratio of the spectrum, tr(G)² / ‖G‖²: how many directions matter."""
    n_rows, width = rows_TXD.shape[1:]
    gram = rows_TXD @ rows_TXD.mT if n_rows <= width else rows_TXD.mT @ rows_TXD
    trace_T = rows_TXD.square().sum((1, 2))
    return trace_T.square() / (gram.square().sum((1, 2)) + TINY)


def _zero_shot(support: CanonicalSupport, to_text_TNKN: Tensor) -> dict[str, Tensor]:
    """How likely the texts alone make the labels of the pictures, over guessing."""
    n_way = to_text_TNKN.shape[-1]
    cosines = to_text_TNKN.masked_fill(~support.class_mask_TN[:, None, None], -torch.inf)
    own = torch.eye(n_way, dtype=torch.bool, device=cosines.device)[None, :, None]
    n_pictures_T = support.n_shot_TN.sum(-1).clamp(min=1)
    log_way_T = support.class_mask_TN.sum(-1).clamp(min=1).to(cosines.dtype).log()

    def mean_of_shots(values_TNK: Tensor) -> Tensor:
        counted = torch.where(support.shot_mask_TNK, values_TNK, 0.0)
        return counted.sum((1, 2)) / n_pictures_T

    def gain(sharpness: float) -> Tensor:
        log_p = (sharpness * cosines).log_softmax(-1)
        return mean_of_shots(torch.where(own, log_p, 0.0).sum(-1)) + log_way_T

    correct_TNK = _fraction_of_best(cosines, own)
    return {
        "zero_shot_soft": gain(SOFT),
        "zero_shot_sharp": gain(SHARP),
        "zero_shot_accuracy": log_way_T * mean_of_shots(correct_TNK),
    }


def _fraction_of_best(
    values: Float[Tensor, "*X N"], is_own: Bool[Tensor, "*#X N"]
) -> Float[Tensor, " *X"]:
    """1 where the largest value is a picture's own, 0 where not, 1/n among n largest ones.

    Without texts all classes are equal, and the first of them must not count for more.
    """
    best = (values == values.max(-1, keepdim=True).values).to(values.dtype)
    return torch.where(is_own, best, 0.0).sum(-1) / best.sum(-1)


def _leave_one_out(support: CanonicalSupport, left_out: LeftOut) -> dict[str, Tensor]:
    """What the closed form of all other pictures says of those of classes with several."""
    log_p_TMN, asked_TM = left_out.log_p_TMN, left_out.asked_TM
    own_TM = torch.where(left_out.is_own_TMN, log_p_TMN, 0.0).sum(-1)
    correct_TM = _fraction_of_best(log_p_TMN, left_out.is_own_TMN)
    n_asked_T = asked_TM.sum(-1).clamp(min=1)
    log_way_T = support.class_mask_TN.sum(-1).clamp(min=1).to(own_TM.dtype).log()
    has_any_T = asked_TM.any(-1).to(own_TM.dtype)

    def mean(values_TM: Tensor) -> Tensor:
        return torch.where(asked_TM, values_TM, 0.0).sum(-1) / n_asked_T

    return {
        "left_out_gain": mean(own_TM) + log_way_T * has_any_T,
        "left_out_accuracy": mean(correct_TM) * log_way_T,
        "left_out_scale": (left_out.scale_T / left_out.base_scale_T).log(),
        "has_left_out": has_any_T,
    }
