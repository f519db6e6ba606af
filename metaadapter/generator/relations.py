"""What the generator sees of a support set: inner products, never coordinates.

Everything here is unchanged by a rotation of the feature space and by its width, and permutes with
the classes and the shots.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.evidence import task_evidence
from metaadapter.generator.gram import GramBlocks
from metaadapter.generator.leave_one_out import LeftOut
from metaadapter.generator.scalars import CLASS_SCALARS, PAIR_SCALARS, SHOT_SCALARS, stacked

__all__ = ["Relations", "relate"]


@dataclass(frozen=True, slots=True)
class Relations:
    """The scalars of classes, shots and pairs of classes; zeros where a mask leaves out."""

    classes_TNC: Float[Tensor, "T N C"]
    """Those of each class, then those of its task."""
    shots_TNKS: Float[Tensor, "T N K S"]
    edges_TNNE: Float[Tensor, "T N N E"]

    def to(self, dtype: torch.dtype) -> Relations:
        """These relations in another precision."""
        return Relations(
            self.classes_TNC.to(dtype), self.shots_TNKS.to(dtype), self.edges_TNNE.to(dtype)
        )


def relate(support: CanonicalSupport, left_out: LeftOut) -> Relations:
    """The scalars of a batch of support sets, from its inner products and leave-one-out answers."""
    blocks = GramBlocks.of_support(support)
    return Relations(
        classes_TNC=_class_scalars(support, blocks, left_out),
        shots_TNKS=_shot_scalars(support, blocks),
        edges_TNNE=_pair_scalars(support, blocks),
    )


def _class_scalars(support: CanonicalSupport, blocks: GramBlocks, left_out: LeftOut) -> Tensor:
    """How tight a class is, how its text and pictures agree, its rivals; and the whole task."""
    diagonal = torch.eye(blocks.text_TNN.shape[1], dtype=torch.bool, device=blocks.text_TNN.device)
    cross = blocks.cross_TNN
    own_agreement = cross.diagonal(dim1=1, dim2=2)
    best_mean_of_text = _largest(cross, blocks.cross_pairs_TNN & ~diagonal)
    best_text_of_mean = _largest(cross.mT, blocks.cross_pairs_TNN.mT & ~diagonal)
    n_shot = support.n_shot_TN
    both = (support.text_mask_TN & (n_shot > 0)).to(cross.dtype)
    n_way = support.class_mask_TN.sum(-1, keepdim=True).to(cross.dtype).expand_as(n_shot)
    scalars = {
        "mean_length": support.means_TND.norm(dim=-1),
        "scatter": _within_scatter(support),
        "agreement": own_agreement,
        "rival_text": _largest(blocks.text_TNN, blocks.text_pairs_TNN & ~diagonal),
        "rival_mean": _largest(blocks.mean_TNN, blocks.mean_pairs_TNN & ~diagonal),
        "text_margin": own_agreement - best_mean_of_text,
        "mean_margin": own_agreement - best_text_of_mean,
        "text_finds_mean": both * (own_agreement > best_mean_of_text),
        "mean_finds_text": both * (own_agreement > best_text_of_mean),
        "log_shots": n_shot.clamp(min=1).log() * (n_shot > 0),
        "has_pictures": (n_shot > 0).to(cross.dtype),
        "has_text": support.text_mask_TN.to(cross.dtype),
        "log_ways": n_way.log(),
    }
    evidence_TE = task_evidence(support, blocks, left_out)
    evidence_TNE = evidence_TE[:, None].expand(-1, n_shot.shape[1], -1)
    scalars_TNC = torch.cat([stacked(scalars, CLASS_SCALARS), evidence_TNE], -1)
    return scalars_TNC * support.class_mask_TN[..., None]


def _within_scatter(support: CanonicalSupport) -> Tensor:
    """(T, N) unbiased mean squared distance of the shots from their class mean; 0 at one shot."""
    n_shot = support.n_shot_TN
    total = support.shots_TNKD.square().sum((-1, -2))
    around = total - n_shot * support.means_TND.square().sum(-1)
    return around.clamp(min=0) / (n_shot - 1).clamp(min=1) * (n_shot > 1)


def _shot_scalars(support: CanonicalSupport, blocks: GramBlocks) -> Tensor:
    """How each picture stands to its own class, left out of it, and to the nearest rivals."""
    to_mean, to_text = blocks.to_mean_TNKN, blocks.to_text_TNKN
    unit_TNKD = normalize(support.shots_TNKD, dim=-1)
    n_shot = support.n_shot_TN[..., None]
    others_TNKD = support.means_TND[:, :, None] * n_shot[..., None] - support.shots_TNKD
    leave_one_out = (unit_TNKD * normalize(others_TNKD, dim=-1)).sum(-1) * (n_shot > 1)
    own = torch.eye(to_mean.shape[-1], dtype=torch.bool, device=to_mean.device)[None, :, None]
    pictured = support.shot_mask_TNK.any(-1)[:, None, None] & ~own
    named = support.text_mask_TN[:, None, None] & ~own
    own_text = torch.where(own, to_text, 0).sum(-1)
    rival_text = _largest(to_text, named)
    scalars = {
        "length": support.shots_TNKD.norm(dim=-1),
        "own_mean": leave_one_out,
        "own_text": own_text,
        "rival_mean": _largest(to_mean, pictured),
        "rival_text": rival_text,
        "text_margin": own_text - rival_text,
    }
    return stacked(scalars, SHOT_SCALARS) * support.shot_mask_TNK[..., None]


def _pair_scalars(support: CanonicalSupport, blocks: GramBlocks) -> Tensor:
    """Cosines of each pair of classes, raw and standardised within the task."""
    pairs_TNN = support.class_mask_TN[:, :, None] & support.class_mask_TN[:, None]
    identity = torch.eye(pairs_TNN.shape[1], dtype=blocks.text_TNN.dtype, device=pairs_TNN.device)
    cross = blocks.cross_TNN
    standardised = _standardise(cross, blocks.cross_pairs_TNN)
    scalars = {
        "texts": blocks.text_TNN,
        "means": blocks.mean_TNN,
        "text_mean": cross,
        "mean_text": cross.mT,
        "texts_standardised": _standardise(blocks.text_TNN, blocks.text_pairs_TNN),
        "means_standardised": _standardise(blocks.mean_TNN, blocks.mean_pairs_TNN),
        "text_mean_standardised": standardised,
        "mean_text_standardised": standardised.mT,
        "same": identity.expand_as(cross),
        "constant": torch.ones_like(cross),
    }
    return stacked(scalars, PAIR_SCALARS) * pairs_TNN[..., None]


def _largest(values: Tensor, mask: Tensor) -> Tensor:
    """The largest value along the last axis among those that count; 0 where none does."""
    best = values.masked_fill(~mask, -torch.inf).amax(-1)
    return torch.where(mask.any(-1), best, 0.0)


def _standardise(values_TNN: Tensor, mask_TNN: Tensor) -> Tensor:
    """Zero mean and unit variance over the pairs that count; 0 elsewhere."""
    weight = mask_TNN.to(values_TNN.dtype)
    count = weight.sum((1, 2), keepdim=True).clamp(min=1)
    centred = (values_TNN - (values_TNN * weight).sum((1, 2), keepdim=True) / count) * weight
    variance = centred.square().sum((1, 2), keepdim=True) / count
    return centred / (variance + torch.finfo(values_TNN.dtype).eps).sqrt()
