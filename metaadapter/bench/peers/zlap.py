"""ZLaP (Stojnić et al., CVPR 2024): labels spread over a graph of texts and pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import LogitFunction
from metaadapter.bench.peers.task_by_task import Task, answers, log_probabilities

# The authors' defaults, which they use for most sets.
N_NEIGHBOURS, TEXT_POWER, ALPHA = 5, 5.0, 0.3


def zlap(support: Support) -> LogitFunction:
    """Probabilities ∝ Σ_k s_k F_kc over a new picture's neighbours k, F = (I − α D^-½ W D^-½)⁻¹ Y.

    W connects each picture with its four nearest pictures and its five nearest texts: by the cosine
    with a picture, and by the cosine with a text to the power 5. s_k are the same for the new
    picture, with five pictures and five texts. This is the authors' inductive form, exact and not
    made sparse. Y has 1 at the node of each class's text and, unlike the authors', at its labelled
    pictures. A class without a text is reached only by its pictures; a class with neither is never
    predicted.
    """
    return answers(support, _fit)


def _fit(task: Task) -> Callable[[Tensor], Tensor]:
    points_PD, text_ND, n_way = task.points_PD, task.text_ND, len(task.text_ND)
    near_PP = points_PD @ points_PD.mT
    near_PP.fill_diagonal_(-torch.inf)
    to_texts_PN = _strongest(points_PD @ text_ND.mT, N_NEIGHBOURS) ** TEXT_POWER
    edges_PV = torch.cat([to_texts_PN, _strongest(near_PP, N_NEIGHBOURS - 1)], dim=-1)
    edges_VV = torch.cat([edges_PV.new_zeros(n_way, edges_PV.shape[1]), edges_PV])
    edges_VV = edges_VV + edges_VV.mT
    degree_V = edges_VV.sum(-1)
    by_root_V = degree_V.masked_fill(degree_V == 0, 1.0).rsqrt()
    walks_VV = by_root_V[:, None] * edges_VV * by_root_V
    unlabelled_UN = text_ND.new_zeros(len(task.pool_UD), n_way)
    labels_VN = torch.cat([torch.eye(n_way).to(text_ND), unlabelled_UN, task.targets_MN])
    identity_VV = torch.eye(len(walks_VV)).to(walks_VV)
    spread_VN = torch.linalg.solve(identity_VV - ALPHA * walks_VV, labels_VN)

    def scores(rows_QD: Float[Tensor, "Q D"]) -> Float[Tensor, "Q N"]:
        to_texts_QN = _strongest(rows_QD @ text_ND.mT, N_NEIGHBOURS) ** TEXT_POWER
        to_points_QP = _strongest(rows_QD @ points_PD.mT, N_NEIGHBOURS)
        return log_probabilities(torch.cat([to_texts_QN, to_points_QP], dim=-1) @ spread_VN)

    return scores


def _strongest(cosines_QV: Float[Tensor, "Q V"], n_kept: int) -> Float[Tensor, "Q V"]:
    """The largest cosines of each row; 0 elsewhere and in place of negative ones."""
    kept = cosines_QV.topk(min(n_kept, cosines_QV.shape[1]), dim=-1)
    return torch.zeros_like(cosines_QV).scatter(-1, kept.indices, kept.values.clamp(min=0))
