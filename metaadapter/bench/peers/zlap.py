"""ZLaP (Stojnić et al., CVPR 2024): labels that spread through a graph of pictures and texts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import LogitFunction
from metaadapter.bench.peers.task_by_task import Task, answers, log_probabilities

# The defaults of ZLaP's authors, which they use for most data sets.
N_NEIGHBOURS, TEXT_POWER, ALPHA = 5, 5.0, 0.3


def zlap(support: Support) -> LogitFunction:
    """Return a function with probabilities ∝ Σ_k w_k F_kc, F = (I − α D^-½ W D^-½)⁻¹ Y.

    W connects each picture with its four nearest pictures and its five nearest texts. The weight is
    the cosine for a picture, and the fifth power of the cosine for a text. The weights w_k connect
    a query with its five nearest pictures and texts k in the same way. This is the authors'
    inductive form, but exact instead of sparse. Y is 1 for class c at the text of c and, unlike
    the authors', at the labelled pictures of c. Only pictures lead to a class without a text; a
    class with neither is never predicted. D is the diagonal matrix of W's row sums.

    Settings: k = 5, γ = 5, α = 0.3: their defaults; inductive, exact. Departures: the authors label
    only texts; scores sum to 1, at least 10⁻⁶ each.
    """
    return answers(support, _fit_zlap)


def _fit_zlap(task: Task) -> Callable[[Tensor], Tensor]:
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
    """Return the largest cosines of each row; 0 elsewhere, and instead of a negative cosine."""
    kept = cosines_QV.topk(min(n_kept, cosines_QV.shape[1]), dim=-1)
    return torch.zeros_like(cosines_QV).scatter(-1, kept.indices, kept.values.clamp(min=0))
