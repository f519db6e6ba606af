"""Labels that spread over a graph of pictures: label spreading and ZLaP."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from sklearn.semi_supervised import LabelSpreading
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import LogitFunction
from metaadapter.bench.peers.task_by_task import Task, answers, log_probabilities

# Of ZLaP, the authors' defaults, which they use for most sets.
N_NEIGHBOURS, TEXT_POWER, ALPHA = 5, 5.0, 0.3


def label_spreading(support: Support) -> LogitFunction:
    """Label spreading (Zhou et al., 2003): probabilities ∝ Σ_j exp(−20 ‖x − x_j‖²) F_jc.

    F are the final labels of the pictures j. All settings are scikit-learn's. Texts and temperature
    are not used: a class without a picture is never predicted, and without any picture all classes
    are equally probable.
    """
    return answers(support, _spread_labels)


def _spread_labels(task: Task) -> Callable[[Tensor], Tensor]:
    n_way, pictured = len(task.text_ND), np.unique(task.labels_M.cpu().numpy())
    spread = LabelSpreading()
    if len(pictured):
        unlabelled = np.full(len(task.pool_UD), -1)
        labels = np.concatenate([unlabelled, task.labels_M.cpu().numpy()])
        spread.fit(task.points_PD.cpu().numpy(), labels)

    def scores(rows_QD: Float[Tensor, "Q D"]) -> Float[Tensor, "Q N"]:
        p_QN = rows_QD.new_zeros(len(rows_QD), n_way)
        if len(pictured) and len(rows_QD):
            predicted = spread.predict_proba(rows_QD.cpu().numpy())
            p_QN[:, pictured] = torch.from_numpy(predicted).to(p_QN)
        return log_probabilities(p_QN)

    return scores


def zlap(support: Support) -> LogitFunction:
    """ZLaP (Stojnić et al., CVPR 2024): probabilities ∝ Σ_k s_k F_kc over neighbours k.

    F = (I − α D^-½ W D^-½)⁻¹ Y. W connects each picture with its four nearest pictures and its five
    nearest texts: by the cosine with a picture, and by the cosine with a text to the power 5. s_k
    are the same for the new picture, with five pictures and five texts. This is the authors'
    inductive form, exact and not made sparse. Y has 1 at the node of each class's text and, unlike
    the authors', at its labelled pictures. A class without a text is reached only by its pictures;
    a class with neither is never predicted.
    """
    return answers(support, _spread_texts)


def _spread_texts(task: Task) -> Callable[[Tensor], Tensor]:
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
