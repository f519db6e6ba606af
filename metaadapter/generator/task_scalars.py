"""Scalars of a task as a whole: how far its texts and its pictures can be trusted."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport, mean_where
from metaadapter.generator.cosines import ClassPairs, Cosines, participation_ratio
from metaadapter.generator.ridge.leave_one_out import LeftOut, own_and_correct

N_TASK_SCALARS = 20
# Inverse temperatures for the zero-shot likelihood: SHARP is near the best for `tiny`.
SOFT, SHARP = 5.0, 15.0


def task_scalars(
    canonical: CanonicalSupport, cosines: Cosines, left_out: LeftOut
) -> dict[str, Float[Tensor, " T"]]:
    """Return the scalars of each task by name, unchanged by rotation, width, order and padding.

    - `own_text_gap`: how much larger the cosine of a text is with its own mean than with others, in
      standard deviations
    - `own_text_gap_centred`: the same after the average of each text and each mean is subtracted
    - `text_mean_correlation`: correlation, over pairs of classes, between the cosine of their texts
      and the cosine of their means
    - `text_cross_correlation`: the same between the cosine of their texts and that of a text and a
      mean
    - `mean_cross_correlation`: the same between the cosine of their means and that of a text and a
      mean
    - `text_spread`: standard deviation of the cosines among texts, times 3
    - `mean_spread`: the same of the cosines among means
    - `cross_spread`: the same of the cosines between texts and means
    - `picture_directions`: number of directions that the pictures spread over, divided by the
      number of pictures
    - `log_picture_directions`: log(that number of directions)
    - `text_directions`: the number of directions of the texts, divided by the number of texts
    - `mean_directions`: the same for the means
    - `mean_energy`: mean squared length of the means
    - `zero_shot_soft`: mean log-probability of the right class by texts alone, minus that of
      guessing, at the inverse temperature 5
    - `zero_shot_sharp`: the same at the inverse temperature 15
    - `zero_shot_accuracy`: accuracy of the texts alone, times log(ways)
    - `left_out_gain`: this difference if the closed form predicts each picture from all others
    - `left_out_accuracy`: accuracy of these predictions, times log(ways)
    - `left_out_scale`: log(κ best for these predictions / the usual κ), with κ the inverse
      temperature
    - `has_left_out`: whether any class has several pictures
    """
    texts, means, cross = cosines.classes_3TNN
    pairs = ClassPairs((canonical.text_mask_TN & canonical.image_mask_TN).to(cross.dtype))
    likeness = torch.stack([texts, means, (cross + cross.mT) / 2, cross])
    centred = pairs.centred(likeness)
    text, mean, _, between = sizes = pairs.size(centred)
    first, second = [0, 0, 1], [1, 2, 2]
    along = pairs.others(centred[first] * centred[second]) / (sizes[first] * sizes[second])
    directions_T = participation_ratio(canonical.shots_TNKD.flatten(1, 2))
    n_pictures_T = canonical.n_shot_TN.sum(-1).clamp(min=1)
    n_text_T = canonical.text_mask_TN.sum(-1).clamp(min=1)
    n_mean_T = canonical.image_mask_TN.sum(-1).clamp(min=1)
    log_way_T = canonical.raw.class_mask_TN.sum(-1).clamp(min=1).to(cross.dtype).log()
    return {
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
        "text_directions": participation_ratio(canonical.text_TND) / n_text_T,
        "mean_directions": participation_ratio(canonical.means_TND) / n_mean_T,
        "mean_energy": canonical.means_TND.square().sum((1, 2)) / n_mean_T,
        **_zero_shot_scalars(canonical, cosines.to_text_TNKN, log_way_T),
        **_left_out_scalars(left_out, log_way_T),
    }


def _zero_shot_scalars(
    canonical: CanonicalSupport, to_text_TNKN: Tensor, log_way_T: Tensor
) -> dict[str, Tensor]:
    cosines = to_text_TNKN.masked_fill(~canonical.raw.class_mask_TN[:, None, None], -torch.inf)
    cosines_TXN = cosines.flatten(1, 2)
    own_TX, present_TX = canonical.raw.own_and_present(slice(None))

    def mean_log_p(sharpness: float) -> Float[Tensor, " T"]:
        log_p_TXN = (sharpness * cosines_TXN).log_softmax(-1)
        return mean_where(own_and_correct(log_p_TXN, own_TX)[0], present_TX)

    correct_TX = own_and_correct(cosines_TXN, own_TX)[1]
    return {
        "zero_shot_soft": mean_log_p(SOFT) + log_way_T,
        "zero_shot_sharp": mean_log_p(SHARP) + log_way_T,
        "zero_shot_accuracy": log_way_T * mean_where(correct_TX, present_TX),
    }


def _left_out_scalars(left_out: LeftOut, log_way_T: Tensor) -> dict[str, Tensor]:
    counts_TR = left_out.counts_TR
    has_any_T = counts_TR.any(-1).to(left_out.own_log_p_TR.dtype)
    return {
        "left_out_gain": mean_where(left_out.own_log_p_TR, counts_TR) + log_way_T * has_any_T,
        "left_out_accuracy": mean_where(left_out.correct_TR, counts_TR) * log_way_T,
        "left_out_scale": (left_out.scale_T / left_out.base_scale_T).log(),
        "has_left_out": has_any_T,
    }
