"""StatA (Zanella et al., CVPR 2025): a Gaussian for each class, held close to an anchor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import LogitFunction
from metaadapter.bench.peers.neighbours import SHARPNESS, assign, nearest
from metaadapter.bench.peers.task_by_task import Task, answers

# The authors' settings in all of their experiments. The anchor has the weight of α pictures.
N_ROUNDS, ALPHA = 10, 1.0
# The factor λ of text logits if there are labelled pictures, as in TransCLIP by the same authors;
# StatA itself has no labelled pictures.
TEXT_POWER = 0.5
# Times 1 / D: the least variance, so that a channel with equal values does not divide by 0.
LEAST_VARIANCE = 1e-6


def stat_a(support: Support) -> LogitFunction:
    """Return a function with logits λ s · x · t_c − ½ Σ_d ((x_d − μ_cd)² / σ_cd + log σ_cd) / 50.

    Each of ten rounds assigns the pool by these logits and by its neighbours, as in TransCLIP. Then
    c is most probable for n_c pictures, and β_c = n_c / (n_c + α). μ_c becomes β_c times the mean
    picture of c plus 1 − β_c times the anchor; σ_c becomes, with the same weights, the variance of
    the class around μ_c plus that of all pictures around their anchors. The authors have no
    labelled pictures, λ = 1, and the text as the anchor. Here the labelled pictures join the pool
    with a fixed class, λ = ½, and the anchor is their mean. The anchor of a class without labelled
    pictures is its text, which is far from all pictures, so the class is seldom predicted if others
    have labelled pictures. A class without a text has the mean text.

    Settings: α = 1, 10 rounds, 1/50: theirs. Departures: the authors have λ = 1 and anchors at the
    texts; anchors at labelled means and λ = ½ gain 11, 7 and 2 points at 1, 4 and 16 shots.
    """
    return answers(support, _fit)


def _fit(task: Task) -> Callable[[Tensor], Tensor]:
    points_PD, labelled_MN = task.points_PD, task.targets_MN
    text_ND, least = task.neutral_text_ND, LEAST_VARIANCE / points_PD.shape[1]
    vectors_ND = (TEXT_POWER if len(labelled_MN) else 1.0) * task.scale * text_ND
    means_ND = normalize(labelled_MN.mT @ task.rows_MD, dim=-1)
    anchor_ND = torch.where(labelled_MN.any(0)[:, None], means_ND, text_ND)
    near_PU = nearest(points_PD, len(task.pool_UD))
    z_UN = (task.scale * task.pool_UD @ text_ND.mT).softmax(-1)
    about_anchors_ND = _scatter(torch.cat([z_UN, labelled_MN]), points_PD, anchor_ND)
    start_D = about_anchors_ND.sum(0) / max(1, len(points_PD))
    if not len(points_PD):
        start_D = start_D + 1 / len(start_D)
    means_ND, variance_ND = anchor_ND, start_D.clamp(min=least).expand_as(anchor_ND)
    for _ in range(N_ROUNDS):
        evidence_UN = _logits(task.pool_UD, vectors_ND, means_ND, variance_ND)
        z_UN = assign(evidence_UN, z_UN, labelled_MN, near_PU)
        z_PN = torch.cat([z_UN, labelled_MN])
        n_N1 = z_PN.argmax(-1).bincount(minlength=len(anchor_ND))[:, None]
        beta_N1 = n_N1 / (n_N1 + ALPHA)
        own_ND = normalize(z_PN.mT @ points_PD, dim=-1)
        means_ND = normalize(beta_N1 * own_ND + (1 - beta_N1) * anchor_ND, dim=-1)
        mass_N1 = z_PN.sum(0)[:, None].clamp(min=torch.finfo(z_PN.dtype).tiny)
        about_own_ND = _scatter(z_PN, points_PD, means_ND) / mass_N1
        anchored_ND = start_D + (anchor_ND - means_ND).square()
        variance_ND = (beta_N1 * about_own_ND + (1 - beta_N1) * anchored_ND).clamp(min=least)
    return partial(_logits, vectors_ND=vectors_ND, means_ND=means_ND, variance_ND=variance_ND)


def _scatter(
    z_PN: Float[Tensor, "P N"], points_PD: Float[Tensor, "P D"], means_ND: Float[Tensor, "N D"]
) -> Float[Tensor, "N D"]:
    """Return the weighted sums of squared distances from each class mean, along each axis."""
    cross_ND = 2 * means_ND * (z_PN.mT @ points_PD)
    return z_PN.mT @ points_PD.square() - cross_ND + z_PN.sum(0)[:, None] * means_ND.square()


def _logits(
    rows_QD: Float[Tensor, "Q D"],
    vectors_ND: Float[Tensor, "N D"],
    means_ND: Float[Tensor, "N D"],
    variance_ND: Float[Tensor, "N D"],
) -> Float[Tensor, "Q N"]:
    """Return the logits of rows from the texts and the Gaussians."""
    precise_ND = means_ND / variance_ND
    squares_QN = rows_QD.square() @ (1 / variance_ND).mT - 2 * rows_QD @ precise_ND.mT
    constant_N = (means_ND * precise_ND + variance_ND.log()).sum(-1)
    return rows_QD @ vectors_ND.mT - 0.5 * SHARPNESS * (squares_QN + constant_N)
