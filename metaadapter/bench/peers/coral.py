"""CORAL (Sun et al., AAAI 2016): labelled pictures with the mean and covariance of the pool."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.gda import gda


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
