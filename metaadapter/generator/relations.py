"""The scalars that the generator reads, which come from inner products and not from coordinates.

Rotations and the width of features do not change them; permuted classes or shots permute them.
docs/reference/scalars.md defines each scalar and says how to add or drop one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.cosines import Cosines
from metaadapter.generator.leave_one_out import LeftOut
from metaadapter.generator.task_scalars import N_TASK_SCALARS, task_scalars

N_CLASS_SCALARS, N_SHOT_SCALARS, N_PAIR_SCALARS = 13 + N_TASK_SCALARS, 6, 10


class Relations(NamedTuple):
    """The scalars of classes, shots and pairs of classes; zeros where a mask is false."""

    classes_TNC: Float[Tensor, "T N C"]
    """The scalars of each class, then those of its task."""
    shots_TNKS: Float[Tensor, "T N K S"]
    edges_TNNE: Float[Tensor, "T N N E"]


def relate(support: CanonicalSupport, left_out: LeftOut) -> Relations:
    """Return the scalars of a batch of supports, including those from left-out predictions."""
    cosines, mask_TN = Cosines.of_support(support), support.raw.class_mask_TN
    task = task_scalars(support, cosines, left_out)
    classes = _class_scalars(support, cosines)
    classes |= {name: value_T[:, None].expand_as(mask_TN) for name, value_T in task.items()}
    pairs_TNN = mask_TN[:, :, None] & mask_TN[:, None]
    return Relations(
        stacked(classes) * mask_TN[..., None],
        stacked(shot_scalars(support, cosines)) * support.shot_mask_TNK[..., None],
        stacked(_pair_scalars(cosines)) * pairs_TNN[..., None],
    )


def _class_scalars(support: CanonicalSupport, cosines: Cosines) -> dict[str, Tensor]:
    cross = cosines.classes_3TNN[2]
    own_NN = torch.eye(cross.shape[1], dtype=torch.bool, device=cross.device)
    others_3TNN = cosines.pairs_3TNN & ~own_NN
    agreement = cross.diagonal(dim1=1, dim2=2)
    rival_text, rival_mean, best_mean_of_text = _largest(cosines.classes_3TNN, others_3TNN)
    best_text_of_mean = _largest(cross.mT, others_3TNN[2].mT)
    n_shot = support.n_shot_TN
    total = cosines.length_TNK.square().sum(-1)
    around = total - n_shot * support.means_TND.square().sum(-1)
    both = (support.text_mask_TN & (n_shot > 0)).to(cross.dtype)
    n_way = support.raw.class_mask_TN.sum(-1, keepdim=True).to(cross.dtype).expand_as(n_shot)
    return {
        # Small if the pictures of the class lie far apart.
        "mean_length": support.means_TND.norm(dim=-1),
        # Unbiased mean squared distance of the shots from their mean; 0 at one shot.
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
        "has_text": support.text_mask_TN.to(cross.dtype),
        "log_ways": n_way.log(),
    }


def shot_scalars(support: CanonicalSupport, cosines: Cosines) -> dict[str, Tensor]:
    """Return the scalars of each picture by name: cosines with its own class and with rivals."""
    to_mean, to_text = cosines.to_mean_TNKN, cosines.to_text_TNKN
    n_shot = support.n_shot_TN[..., None]
    own = torch.eye(to_mean.shape[-1], dtype=torch.bool, device=to_mean.device)[None, :, None]
    own_text = torch.where(own, to_text, 0).sum(-1)
    rival_text = _largest(to_text, support.text_mask_TN[:, None, None] & ~own)
    length_TNK = cosines.length_TNK
    sum_TN1 = (support.means_TND.norm(dim=-1) * support.n_shot_TN)[..., None]
    along_TNK = torch.where(own, to_mean, 0).sum(-1) * sum_TN1
    # The squared length of the sum of the other pictures of its class.
    square_TNK = sum_TN1.square() - 2 * length_TNK * along_TNK + length_TNK.square()
    to_others_TNK = (along_TNK - length_TNK) / square_TNK.clamp(min=1e-12).sqrt()
    return {
        "length": length_TNK,
        # The cosine with the mean of the other pictures of its class; 0 if there are none.
        "own_mean": to_others_TNK * (n_shot > 1),
        "own_text": own_text,
        "rival_mean": _largest(to_mean, support.image_mask_TN[:, None, None] & ~own),
        "rival_text": rival_text,
        "text_margin": own_text - rival_text,
    }


def _pair_scalars(cosines: Cosines) -> dict[str, Tensor]:
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
