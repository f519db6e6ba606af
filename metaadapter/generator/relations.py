"""The scalars that the generator reads, which come from inner products and not from coordinates.

Rotations and the width of features do not change them; permuted classes or shots permute them.
The docstring of each function defines its scalars, which the networks read in the order given.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.cosines import Cosines, without_itself
from metaadapter.generator.ridge.leave_one_out import LeftOut
from metaadapter.generator.task_scalars import N_TASK_SCALARS, task_scalars

N_CLASS_SCALARS, N_SHOT_SCALARS, N_PAIR_SCALARS = 13 + N_TASK_SCALARS, 6, 10


class Relations(NamedTuple):
    """The scalars of classes, shots and pairs of classes; zeros where a mask is false."""

    classes_TNC: Float[Tensor, "T N C"]
    """The scalars of each class, then those of its task."""
    shots_TNKS: Float[Tensor, "T N K S"]
    edges_TNNE: Float[Tensor, "T N N E"]


def relate(canonical: CanonicalSupport, left_out: LeftOut) -> Relations:
    """Return the scalars of a batch of supports, including those from left-out predictions."""
    cosines, mask_TN = Cosines.of_support(canonical), canonical.raw.class_mask_TN
    task = task_scalars(canonical, cosines, left_out)
    classes = _class_scalars(canonical, cosines)
    classes |= {name: value_T[:, None].expand_as(mask_TN) for name, value_T in task.items()}
    pairs_TNN = mask_TN[:, :, None] & mask_TN[:, None]
    return Relations(
        stacked(classes) * mask_TN[..., None],
        stacked(shot_scalars(canonical, cosines)) * canonical.shot_mask_TNK[..., None],
        stacked(_pair_scalars(cosines)) * pairs_TNN[..., None],
    )


def _class_scalars(canonical: CanonicalSupport, cosines: Cosines) -> dict[str, Tensor]:
    """Return the scalars of each class by name.

    - `mean_length`: length of the mean
    - `scatter`: mean squared distance of the pictures from their mean; 0 at one shot
    - `agreement`: cosine of the text and the mean
    - `rival_text`: largest cosine of its text and another text
    - `rival_mean`: largest cosine of its mean and another mean
    - `text_margin`: agreement minus the largest cosine of its text and another mean
    - `mean_margin`: agreement minus the largest cosine of its mean and another text
    - `text_finds_mean`: whether its own mean is the nearest to its text
    - `mean_finds_text`: whether its own text is the nearest to its mean
    - `log_shots`: log(number of its pictures)
    - `has_pictures`: whether it has a picture
    - `has_text`: whether it has a text
    - `log_ways`: log(number of classes)
    """
    cross = cosines.classes_3TNN[2]
    own_NN = torch.eye(cross.shape[1], dtype=torch.bool, device=cross.device)
    others_3TNN = cosines.pairs_3TNN & ~own_NN
    agreement = cross.diagonal(dim1=1, dim2=2)
    rival_text, rival_mean, best_mean_of_text = _largest(cosines.classes_3TNN, others_3TNN)
    best_text_of_mean = _largest(cross.mT, others_3TNN[2].mT)
    n_shot = canonical.n_shot_TN
    total = cosines.length_TNK.square().sum(-1)
    around = total - n_shot * canonical.means_TND.square().sum(-1)
    both = (canonical.text_mask_TN & (n_shot > 0)).to(cross.dtype)
    n_way = canonical.raw.class_mask_TN.sum(-1, keepdim=True).to(cross.dtype).expand_as(n_shot)
    return {
        "mean_length": canonical.means_TND.norm(dim=-1),
        "scatter": around.clamp(min=0) / (n_shot - 1).clamp(min=1) * (n_shot > 1),
        "agreement": agreement,
        "rival_text": rival_text,
        "rival_mean": rival_mean,
        "text_margin": agreement - best_mean_of_text,
        "mean_margin": agreement - best_text_of_mean,
        "text_finds_mean": both * (agreement > best_mean_of_text),
        "mean_finds_text": both * (agreement > best_text_of_mean),
        "log_shots": n_shot.clamp(min=1).log() * (n_shot > 0),
        "has_pictures": (n_shot > 0).to(cross.dtype),
        "has_text": canonical.text_mask_TN.to(cross.dtype),
        "log_ways": n_way.log(),
    }


def shot_scalars(canonical: CanonicalSupport, cosines: Cosines) -> dict[str, Tensor]:
    """Return the scalars of each picture by name.

    - `length`: length of the canonical picture
    - `own_mean`: cosine with the mean of the other pictures of its class, or 0 without any
    - `own_text`: cosine with the text of its class
    - `rival_mean`: largest cosine with the mean of another class
    - `rival_text`: largest cosine with the text of another class
    - `text_margin`: `own_text` minus `rival_text`
    """
    to_mean, to_text = cosines.to_mean_TNKN, cosines.to_text_TNKN
    n_shot = canonical.n_shot_TN[..., None]
    own = torch.eye(to_mean.shape[-1], dtype=torch.bool, device=to_mean.device)[None, :, None]
    own_text = torch.where(own, to_text, 0).sum(-1)
    rival_text = _largest(to_text, canonical.text_mask_TN[:, None, None] & ~own)
    length_TNK = cosines.length_TNK
    # The length of the sum of its class in units of its own.
    total_TNK = (canonical.means_TND.norm(dim=-1) * canonical.n_shot_TN)[..., None]
    total_TNK = total_TNK / length_TNK.clamp(min=1e-6)
    to_others_TNK = without_itself(torch.where(own, to_mean, 0).sum(-1), total_TNK)
    return {
        "length": length_TNK,
        "own_mean": to_others_TNK * (n_shot > 1),
        "own_text": own_text,
        "rival_mean": _largest(to_mean, canonical.image_mask_TN[:, None, None] & ~own),
        "rival_text": rival_text,
        "text_margin": own_text - rival_text,
    }


def _pair_scalars(cosines: Cosines) -> dict[str, Tensor]:
    """Return the scalars of each pair of classes by name.

    - `texts`: cosine of the two texts
    - `means`: cosine of the two means
    - `text_mean`: cosine of the text of the first and the mean of the second
    - `mean_text`: cosine of the mean of the first and the text of the second
    - `texts_standardised`: `texts`, standardised within the task
    - `means_standardised`: `means`, likewise
    - `text_mean_standardised`: `text_mean`, likewise
    - `mean_text_standardised`: `mean_text`, likewise
    - `same`: 1 if the two are one class, else 0
    - `constant`: 1
    """
    texts, means, cross = cosines.classes_3TNN
    standardised = _standardise(cosines.classes_3TNN, cosines.pairs_3TNN)
    return {
        "texts": texts,
        "means": means,
        "text_mean": cross,
        "mean_text": cross.mT,
        "texts_standardised": standardised[0],
        "means_standardised": standardised[1],
        "text_mean_standardised": standardised[2],
        "mean_text_standardised": standardised[2].mT,
        "same": torch.eye(cross.shape[1], dtype=cross.dtype, device=cross.device).expand_as(cross),
        "constant": torch.ones_like(cross),
    }


def stacked(scalars: dict[str, Tensor]) -> Tensor:
    """Return the scalars stacked on a new last axis, in the order of the dictionary."""
    return torch.stack(list(scalars.values()), -1)


def _largest(values: Tensor, mask: Tensor) -> Tensor:
    """Return the largest value along the last axis where the mask is true; 0 if it never is."""
    best = values.masked_fill(~mask, -torch.inf).amax(-1)
    return torch.where(mask.any(-1), best, 0.0)


def _standardise(values: Tensor, mask: Tensor) -> Tensor:
    weight = mask.to(values.dtype)
    count = weight.sum((-2, -1), keepdim=True).clamp(min=1)
    centred = (values - (values * weight).sum((-2, -1), keepdim=True) / count) * weight
    variance = centred.square().sum((-2, -1), keepdim=True) / count
    return centred / (variance + torch.finfo(values.dtype).eps).sqrt()
