"""Ridge regression towards the class texts: linear, in closed form, with three constants."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.generator.canonical import masked_mean

TEXT_TRUST, RIDGE, TEMPERATURE = 0.5, 0.5, 17.6
# Rows with a smaller root mean square length count as zero and are not scaled.
LEAST_LENGTH = 1e-6


def ridge_towards_text(support: Support) -> AdapterWeights:
    """Return adapters: logits 17.6 · z · w_c, with z the centred and scaled picture.

    The columns w_c of W = P + Zᵀ (Z Zᵀ + ½ I)⁻¹ (Y − Z P) start at P = ½ · texts and correct the
    errors of P on the labelled pictures Z, with one-hot classes Y. Pictures are centred by the mean
    of the class means, texts by their mean. Both are scaled to a root mean square length of 1.
    """
    exact = support.exact
    pictured_TN, named_TN = exact.present_TNK.any(-1), exact.text_TND.any(-1) & exact.class_mask_TN
    centre_T1D = masked_mean(exact.means_TND, pictured_TN)[:, None]
    rows_TMD, length_T11 = _scaled(exact.rows_TMD - centre_T1D, exact.present_TNK.flatten(1))
    texts_TND, _ = _scaled(
        exact.text_TND - masked_mean(exact.text_TND, named_TN)[:, None], named_TN
    )
    prior_TND = TEXT_TRUST * texts_TND
    errors_TMN = exact.targets_TMN - rows_TMD @ prior_TND.mT
    classes_TND = prior_TND + _ridge(rows_TMD, errors_TMN).mT
    # Z = (x − centre) / length, written as a classifier of x.
    classes_TND = classes_TND / length_T11
    bias_TN = -TEMPERATURE * (classes_TND * centre_T1D).sum(-1)
    return support.head(
        classes_TND.to(support.text_TND), bias_TN.to(support.text_TND), logit_scale=TEMPERATURE
    )


def _scaled(rows_TXD: Tensor, mask_TX: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows in the mask with a root mean square length of 1, and their length before."""
    rows_TXD = rows_TXD * mask_TX[..., None]
    square_T = rows_TXD.square().sum((1, 2)) / mask_TX.sum(1).clamp(min=1)
    length_T11 = square_T.sqrt()[:, None, None]
    length_T11 = length_T11.where(length_T11 > LEAST_LENGTH, 1.0)
    return rows_TXD / length_T11, length_T11


def _ridge(rows_TMD: Tensor, targets_TMN: Tensor) -> Float[Tensor, "T D N"]:
    """Return the regression of the targets on the rows, by the smaller of both matrices."""
    n_rows, width = rows_TMD.shape[1:]
    ridge = RIDGE * torch.eye(min(n_rows, width), dtype=rows_TMD.dtype, device=rows_TMD.device)
    solution_TDN: Tensor
    if n_rows < width:
        dual_TMN = torch.linalg.solve(rows_TMD @ rows_TMD.mT + ridge, targets_TMN)
        solution_TDN = rows_TMD.mT @ dual_TMN
    else:
        solution_TDN = torch.linalg.solve(rows_TMD.mT @ rows_TMD + ridge, rows_TMD.mT @ targets_TMN)
    return solution_TDN
