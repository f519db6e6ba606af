"""What the generator sees of a support set: inner products, never coordinates.

Everything here is unchanged by a rotation of the feature space and by its width, and permutes with
the classes and the shots.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.evidence import N_TASK_SCALARS, task_evidence
from metaadapter.generator.leave_one_out import LeftOut

__all__ = ["N_CLASS_SCALARS", "N_EDGES", "N_SHOT_SCALARS", "Relations", "relate"]

N_CLASS_SCALARS = 13 + N_TASK_SCALARS
N_SHOT_SCALARS = 6
N_EDGES = 10


@dataclass(frozen=True, slots=True)
class Relations:
    """Scalars about classes, shots and pairs of classes; zeros where a mask leaves out."""

    classes_TNC: Float[Tensor, "T N C"]
    shots_TNKS: Float[Tensor, "T N K S"]
    edges_TNNE: Float[Tensor, "T N N E"]

    def to(self, dtype: torch.dtype) -> Relations:
        """The same relations in another precision."""
        return Relations(
            self.classes_TNC.to(dtype), self.shots_TNKS.to(dtype), self.edges_TNNE.to(dtype)
        )


def relate(support: CanonicalSupport, left_out: LeftOut) -> Relations:
    """Read the Gram blocks text–text, text–image and image–image of a batch of support sets.

    Returns:
        Relations with `N_CLASS_SCALARS`, `N_SHOT_SCALARS` and `N_EDGES` numbers each.
    """
    blocks = _gram_blocks(support)
    return Relations(
        classes_TNC=_class_scalars(support, blocks, left_out),
        shots_TNKS=_shot_scalars(support),
        edges_TNNE=_edges(support, blocks),
    )


@dataclass(frozen=True, slots=True)
class _GramBlocks:
    """Cosines between the texts and the class means of a task."""

    text_TNN: Tensor
    mean_TNN: Tensor
    cross_TNN: Tensor
    """`[t, c, d]`: text of c against mean of d."""
    text_pairs_TNN: Tensor
    mean_pairs_TNN: Tensor
    cross_pairs_TNN: Tensor


def _gram_blocks(support: CanonicalSupport) -> _GramBlocks:
    text_TND = normalize(support.text_TND, dim=-1)
    mean_TND = normalize(support.means_TND, dim=-1)
    texts_TN, means_TN = support.text_mask_TN, support.shot_mask_TNK.any(-1)
    return _GramBlocks(
        text_TNN=text_TND @ text_TND.mT,
        mean_TNN=mean_TND @ mean_TND.mT,
        cross_TNN=text_TND @ mean_TND.mT,
        text_pairs_TNN=_pairs(texts_TN, texts_TN),
        mean_pairs_TNN=_pairs(means_TN, means_TN),
        cross_pairs_TNN=_pairs(texts_TN, means_TN),
    )


def _class_scalars(support: CanonicalSupport, blocks: _GramBlocks, left_out: LeftOut) -> Tensor:
    """How tight a class is, how its text and pictures agree, its rivals; and the whole task."""
    diagonal = torch.eye(blocks.text_TNN.shape[1], dtype=torch.bool, device=blocks.text_TNN.device)
    cross = blocks.cross_TNN
    own_agreement = cross.diagonal(dim1=1, dim2=2)
    best_mean_of_text = _largest(cross, blocks.cross_pairs_TNN & ~diagonal)
    best_text_of_mean = _largest(cross.mT, blocks.cross_pairs_TNN.mT & ~diagonal)
    n_shot = support.n_shot_TN
    both = (support.text_mask_TN & (n_shot > 0)).to(cross.dtype)
    n_way = support.class_mask_TN.sum(-1, keepdim=True).to(cross.dtype).expand_as(n_shot)
    scalars = [
        support.means_TND.norm(dim=-1),
        _within_scatter(support),
        own_agreement,
        _largest(blocks.text_TNN, blocks.text_pairs_TNN & ~diagonal),
        _largest(blocks.mean_TNN, blocks.mean_pairs_TNN & ~diagonal),
        own_agreement - best_mean_of_text,
        own_agreement - best_text_of_mean,
        both * (own_agreement > best_mean_of_text),
        both * (own_agreement > best_text_of_mean),
        n_shot.clamp(min=1).log() * (n_shot > 0),
        (n_shot > 0).to(cross.dtype),
        support.text_mask_TN.to(cross.dtype),
        n_way.log(),
    ]
    evidence_TNE = task_evidence(support, left_out)[:, None].expand(-1, n_shot.shape[1], -1)
    of_class_TNC = torch.cat([torch.stack(scalars, -1), evidence_TNE], -1)
    return of_class_TNC * support.class_mask_TN[..., None]


def _within_scatter(support: CanonicalSupport) -> Tensor:
    """(T, N) unbiased mean squared distance of the shots from their class mean; 0 at one shot."""
    n_shot = support.n_shot_TN
    total = support.shots_TNKD.square().sum((-1, -2))
    around = total - n_shot * support.means_TND.square().sum(-1)
    return around.clamp(min=0) / (n_shot - 1).clamp(min=1) * (n_shot > 1)


def _shot_scalars(support: CanonicalSupport) -> Tensor:
    """How each picture stands to its own class, left out of it, and to the nearest rivals."""
    n_way = support.shots_TNKD.shape[1]
    unit_TNKD = normalize(support.shots_TNKD, dim=-1)
    n_shot = support.n_shot_TN[..., None]
    others_TNKD = support.means_TND[:, :, None] * n_shot[..., None] - support.shots_TNKD
    leave_one_out = (unit_TNKD * normalize(others_TNKD, dim=-1)).sum(-1) * (n_shot > 1)
    to_mean = torch.einsum("tnkd,tmd->tnkm", unit_TNKD, normalize(support.means_TND, dim=-1))
    to_text = torch.einsum("tnkd,tmd->tnkm", unit_TNKD, normalize(support.text_TND, dim=-1))
    own = torch.eye(n_way, dtype=torch.bool, device=to_mean.device)[None, :, None]
    pictured = support.shot_mask_TNK.any(-1)[:, None, None] & ~own
    texted = support.text_mask_TN[:, None, None] & ~own
    own_text = torch.where(own, to_text, 0).sum(-1)
    rival_mean = _largest(to_mean, pictured)
    rival_text = _largest(to_text, texted)
    scalars = [
        support.shots_TNKD.norm(dim=-1),
        leave_one_out,
        own_text,
        rival_mean,
        rival_text,
        own_text - rival_text,
    ]
    return torch.stack(scalars, -1) * support.shot_mask_TNK[..., None]


def _edges(support: CanonicalSupport, blocks: _GramBlocks) -> Tensor:
    """Cosines of each pair of classes, raw and standardised within the task."""
    pairs_TNN = _pairs(support.class_mask_TN, support.class_mask_TN)
    identity = torch.eye(pairs_TNN.shape[1], dtype=blocks.text_TNN.dtype, device=pairs_TNN.device)
    cross, cross_pairs = blocks.cross_TNN, blocks.cross_pairs_TNN
    edges = [
        blocks.text_TNN,
        blocks.mean_TNN,
        cross,
        cross.mT,
        _standardise(blocks.text_TNN, blocks.text_pairs_TNN),
        _standardise(blocks.mean_TNN, blocks.mean_pairs_TNN),
        _standardise(cross, cross_pairs),
        _standardise(cross, cross_pairs).mT,
        identity.expand_as(cross),
        torch.ones_like(cross),
    ]
    return torch.stack(edges, -1) * pairs_TNN[..., None]


def _pairs(left_TN: Bool[Tensor, "T N"], right_TN: Bool[Tensor, "T N"]) -> Tensor:
    return left_TN[:, :, None] & right_TN[:, None]


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
