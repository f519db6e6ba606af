"""The blocks that features consist of: what each tells of a task, and how much it is to count."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport, Cosines
from metaadapter.generator.pairs import TINY, Pairs, directions
from metaadapter.generator.relations import shot_scalars, stacked

__all__ = ["N_BLOCK_SCALARS", "block_evidence", "reweigh"]

N_BLOCK_SCALARS = 9
LEAST_SHARE = 1e-3


def reweigh(support: CanonicalSupport, log_weight_TP: Float[Tensor, "T P"]) -> CanonicalSupport:
    """The support with each block stretched by e^weight, while the pictures' spread stays 1."""
    energy_TP, wanted_TP = _energy(support), (2 * log_weight_TP).exp()
    total_T1 = (wanted_TP * energy_TP).sum(-1, keepdim=True)
    stretch_TP = (wanted_TP / torch.where(total_T1 > 0, total_T1, 1.0)).sqrt()
    widths = torch.tensor(support.raw.blocks, device=stretch_TP.device)
    stretch_TD = stretch_TP.repeat_interleave(widths, dim=1)
    return replace(
        support,
        shots_TNKD=support.shots_TNKD * stretch_TD[:, None, None],
        means_TND=support.means_TND * stretch_TD[:, None],
        scale_TD=support.scale_TD * stretch_TD,
    )


def block_evidence(support: CanonicalSupport) -> Float[Tensor, "T P S"]:
    """The scalars of each block of each task, unchanged by rotations inside the block."""
    energy_TP = _energy(support)
    share_TP = energy_TP / energy_TP.sum(-1, keepdim=True).clamp(min=TINY)
    parts = _parts(support)
    by_block = [Cosines.of_support(part) for part in parts]
    likeness = torch.stack([cosines.classes_3TNN[1] for cosines in by_block])
    others = likeness.mean(0) - likeness / len(parts)
    scalars = [
        _scalars(part, cosines, share_T, rest)
        for part, cosines, share_T, rest in zip(
            parts, by_block, (share_TP * len(parts)).unbind(1), others, strict=True
        )
    ]
    return torch.stack([stacked(each) for each in scalars], 1)


def _scalars(
    part: CanonicalSupport, cosines: Cosines, share_T: Tensor, others_TNN: Tensor
) -> dict[str, Tensor]:
    """Those of one block, whose part of the support is given; `others_TNN` tells of the others."""
    dtype = part.shots_TNKD.dtype
    shots = shot_scalars(part, cosines)
    own_TNK, rival_TNK = shots["own_mean"], shots["rival_mean"]
    several_TNK = part.shot_mask_TNK & (part.n_shot_TN > 1)[..., None]
    log_way_T = part.raw.class_mask_TN.sum(-1).clamp(min=2).to(dtype).log()
    _, means, cross = cosines.classes_3TNN
    named = Pairs((part.text_mask_TN & part.image_mask_TN).to(dtype))
    pictured = Pairs(part.image_mask_TN.to(dtype))
    own, rest = pictured.centred(means), pictured.centred(others_TNN)
    both = (pictured.others(own.square()) * pictured.others(rest.square())).sqrt()
    return {
        # How much of the pictures' spread it has, over an equal part.
        "log_share": share_T.clamp(min=LEAST_SHARE).log(),
        # Of the pictures of classes with several.
        "margin": 2 * _mean(own_TNK - rival_TNK, several_TNK),
        "nearest_mean_accuracy": log_way_T * _mean((own_TNK > rival_TNK).to(dtype), several_TNK),
        "own_mean": _mean(own_TNK, several_TNK),
        "own_text_gap": 5 * (named.own(cross) - named.others(cross)),
        "has_text": (part.text_TND != 0).any(-1).any(-1).to(dtype),
        "mean_spread": 3 * pictured.others(means.square()).sqrt(),
        # Whether classes that are alike in it are alike in the other blocks.
        "likeness_correlation": pictured.others(own * rest) / (both + TINY),
        "log_mean_directions": directions(part.means_TND).clamp(min=1).log(),
    }


def _parts(support: CanonicalSupport) -> list[CanonicalSupport]:
    """The support in the coordinates of each block alone; `raw` keeps all."""
    names = ("shots_TNKD", "text_TND", "means_TND", "image_centre_TD", "scale_TD")
    widths = list(support.raw.blocks)
    by_block = zip(
        *(torch.split(getattr(support, name), widths, -1) for name in names), strict=True
    )
    return [replace(support, **dict(zip(names, rows, strict=True))) for rows in by_block]


def _energy(support: CanonicalSupport) -> Float[Tensor, "T P"]:
    """The mean squared length of the pictures in each block."""
    squares_TD = support.shots_TNKD.square().sum((1, 2))
    n_T1 = support.shot_mask_TNK.sum((1, 2)).clamp(min=1)[:, None]
    parts = torch.split(squares_TD, list(support.raw.blocks), -1)
    return torch.stack([each.sum(-1) for each in parts], -1) / n_T1


def _mean(values_TNK: Float[Tensor, "T N K"], counts: Bool[Tensor, "T N K"]) -> Float[Tensor, " T"]:
    """The mean over what counts; 0 where nothing does."""
    return torch.where(counts, values_TNK, 0.0).sum((1, 2)) / counts.sum((1, 2)).clamp(min=1)
