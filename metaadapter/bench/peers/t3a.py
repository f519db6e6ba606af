"""T3A (Iwasawa & Matsuo, NeurIPS 2021): class vectors from pictures of a pool with low entropy."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.task_by_task import Task, heads

# M; the authors choose it from 1, 5, 20, 50 and 100 on validation pictures.
N_KEPT = 5


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
    return heads(support, _fit)


def _fit(task: Task) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
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
