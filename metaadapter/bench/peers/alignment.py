"""Peers that adapt to a shift between support and pool: CORAL and T3A.

CORAL (Sun et al., AAAI 2016) gives labelled pictures the mean and covariance of the pool. T3A
(Iwasawa & Matsuo, NeurIPS 2021) makes class vectors from pool pictures with low entropy.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.gda import gda
from metaadapter.bench.peers.task_by_task import Task, heads

# M of T3A; the authors choose it from 1, 5, 20, 50 and 100 on validation pictures.
N_KEPT = 5


def coral(support: Support) -> AdapterWeights:
    """Return the adapters of `gda` for the pictures x' = m + P^½ S^-½ (x − l), scaled to length 1.

    l is the mean of the labelled pictures x and S their covariance, m and P are those of the pool.
    To each covariance C the matrix tr(C) / D · I is added, D the width. This is the authors' I, as
    they scale each coordinate to the variance 1. If all pictures of one side are equal, only the
    mean moves; without a pool x' is x. The authors train a support vector machine on the pictures
    x', and have no texts.
    """
    if support.pool_TUD is None or support.pool_mask_TU is None:
        return gda(support)
    exact, moved_TNKD = support.exact, support.support_TNKD.clone()
    assert exact.pool_TUD is not None
    for task, pool_mask_U in enumerate(support.pool_mask_TU):
        present_NK, pool_UD = support.present_TNK[task], exact.pool_TUD[task][pool_mask_U]
        if len(pool_UD) and present_NK.any():
            rows_MD = recoloured(exact.support_TNKD[task][present_NK], pool_UD)
            moved_TNKD[task][present_NK] = rows_MD.to(moved_TNKD)
    return gda(replace(support, support_TNKD=moved_TNKD, pool_TUD=None, pool_mask_TU=None))


def recoloured(
    rows_MD: Float[Tensor, "M D"], pool_UD: Float[Tensor, "U D"]
) -> Float[Tensor, "M D"]:
    """Return the pictures x' of `coral`, from one picture or more on both sides."""
    about_MD, about_UD = rows_MD - rows_MD.mean(0), pool_UD - pool_UD.mean(0)
    tiny, moved_MD = torch.finfo(rows_MD.dtype).eps, about_MD
    if min(about.square().mean() for about in (about_MD, about_UD)) > tiny:
        moved_MD = _times_power(_times_power(about_MD, about_MD, -0.5), about_UD, 0.5)
    return normalize(moved_MD + pool_UD.mean(0), dim=-1)


def _times_power(
    rows_MD: Float[Tensor, "M D"], about_nD: Float[Tensor, "n D"], power: float
) -> Float[Tensor, "M D"]:
    """Multiply rows by [C + tr(C) / D · I]^power, C the covariance of the centred rows `about_nD`.

    Outside the few directions that these rows span, this matrix is a multiple of I.
    """
    spread_n, basis_nD = torch.linalg.svd(about_nD, full_matrices=False)[1:]
    variance_n = spread_n.square() / len(about_nD)
    least = variance_n.sum() / about_nD.shape[1]
    beyond_n = (variance_n + least) ** power - least**power
    result_MD: Tensor = least**power * rows_MD + (rows_MD @ basis_nD.mT * beyond_n) @ basis_nD
    return result_MD


def t3a(support: Support) -> AdapterWeights:
    """Return adapters: logits s · cos(x, Σ_{z∈S_c} z), S_c vectors of class c.

    The classifier before adaptation is `text_mean`, with class vectors w_c = t_c + μ_c of length 1
    and probabilities p(z) = softmax_c(s · z · w_c). A class vector or pool picture z belongs to the
    class with the largest p_c(z). S_c has the M = 5 vectors of class c with the lowest entropy of
    p(z), or w_c if there are none. The authors start from a trained classifier, and adapt to one
    query after the other.

    Settings: 5 vectors of each class, the best of 1, 5, 20 and 100 on validation sets under a
    shift. Departures: the authors adapt a trained classifier to one query after the other, and
    choose the number for each set.
    """
    return heads(support, _fit_t3a)


def _fit_t3a(task: Task) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
    n_shot_N1 = task.targets_MN.sum(0)[:, None].clamp(min=1)
    start_ND = normalize(task.text_ND + task.targets_MN.mT @ task.rows_MD / n_shot_N1, dim=-1)
    vectors_VD = torch.cat([start_ND, task.pool_UD])
    log_VN = (task.scale * vectors_VD @ start_ND.mT).log_softmax(-1)
    entropy_V, nearest_V = -(log_VN.exp() * log_VN).sum(-1), log_VN.argmax(-1)
    sums_ND = torch.zeros_like(start_ND)
    for way in range(len(start_ND)):
        (own,) = (nearest_V == way).nonzero(as_tuple=True)
        kept = own[entropy_V[own].argsort(stable=True)[:N_KEPT]]
        sums_ND[way] = vectors_VD[kept].sum(0) if len(kept) else start_ND[way]
    vectors_ND = task.scale * normalize(sums_ND, dim=-1)
    return vectors_ND, torch.zeros_like(vectors_ND[:, 0])
