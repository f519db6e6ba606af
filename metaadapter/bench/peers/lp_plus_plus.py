"""LP++ (Huang et al., 2024): a linear probe plus texts with a weight for each class."""

from __future__ import annotations

import torch
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.files.progress import counted

# The authors' constants. They keep the best step on validation pictures; here the last step counts.
N_STEPS, MOMENTUM, STEPS_PER_TEXT_STEP = 300, 0.9, 10
# The authors' weight, 250, divided by CLIP's inverse temperature, 100.
TEXT_WEIGHT_PER_SCALE = 2.5


def lp_plus_plus(support: Support) -> AdapterWeights:
    """Return adapters with logits x · w_c + b_c + α_c x · t_c.

    Training starts at w_c = Σ_{i∈c} x_i, b = 0 and α_c = 2.5 s m, with m the mean of x_i · t_c over
    all pictures i and classes c. Both step sizes come from the curvature of the loss.

    Settings: their constants; the first α is scaled to the temperature. Departures: the authors
    keep the best step on labelled pictures.
    """
    # float64, because steps as long as the curvature allows amplify rounding errors by momentum.
    exact = support.exact
    rows_TMD, text_TND = exact.rows_TMD, exact.text_TND
    along_text_TMN = rows_TMD @ text_TND.mT
    classes_TND = exact.targets_TMN.mT @ rows_TMD
    bias_TN = torch.zeros_like(classes_TND[..., 0])
    text_weight_T1 = TEXT_WEIGHT_PER_SCALE * exact.scale_T[:, None]
    n_TN = exact.present_TNK.sum(-1)
    own_text_TN = (along_text_TMN * exact.targets_TMN).sum(1) / n_TN.clamp(min=1)
    n_pictured_T1 = (n_TN > 0).sum(-1, keepdim=True).clamp(min=1)
    mean_text_T1 = own_text_TN.sum(-1, keepdim=True) / n_pictured_T1
    alpha_TN = (text_weight_T1 * mean_text_T1).expand_as(bias_TN)
    step_T11, text_step_T1 = _step_sizes(exact, along_text_TMN)
    speed_TND, bias_speed_TN = torch.zeros_like(classes_TND), torch.zeros_like(bias_TN)
    wanted_TMN = exact.targets_TMN / exact.n_pictures_T[:, None, None]
    weight_TM1, ruled_out_T1N = wanted_TMN.sum(-1, keepdim=True), ~exact.class_mask_TN[:, None]
    for i in counted(N_STEPS):
        # In place, because with 1,000 classes each copy is slow and large.
        logits_TMN = (rows_TMD @ classes_TND.mT).add_(bias_TN[:, None])
        logits_TMN.addcmul_(alpha_TN[:, None], along_text_TMN)
        # The gradient of each task's mean cross-entropy.
        p_TMN = logits_TMN.masked_fill_(ruled_out_T1N, -torch.inf).softmax(-1)
        slope_TMN = p_TMN.mul_(weight_TM1).sub_(wanted_TMN)
        speed_TND = MOMENTUM * speed_TND + slope_TMN.mT @ rows_TMD
        bias_speed_TN = MOMENTUM * bias_speed_TN + slope_TMN.sum(1)
        classes_TND = classes_TND - step_T11 * speed_TND
        bias_TN = bias_TN - step_T11[..., 0] * bias_speed_TN
        if i % STEPS_PER_TEXT_STEP == 0:
            alpha_TN = alpha_TN - text_step_T1 * (slope_TMN * along_text_TMN).sum(1)
    classes_TND = classes_TND + alpha_TN[..., None] * text_TND
    dtype = support.text_TND.dtype
    return support.head(classes_TND.to(dtype), bias_TN.to(dtype), logit_scale=1.0)


def _step_sizes(support: Support, along_text_TMN: Tensor) -> tuple[Tensor, Tensor]:
    """Return 4 n / λ_max(XᵀX), the step size for vectors and biases (T, 1, 1); for α (T, 1)."""
    rows_TMD, n_T = support.rows_TMD, support.n_pictures_T
    wide = 0 < rows_TMD.shape[1] < rows_TMD.shape[2]
    gram = rows_TMD @ rows_TMD.mT if wide else rows_TMD.mT @ rows_TMD
    tiny = torch.finfo(rows_TMD.dtype).eps
    largest_T = torch.linalg.eigvalsh(gram)[:, -1].clamp(min=tiny)
    text_T = (along_text_TMN.square().sum(1) * support.class_mask_TN).amax(-1).clamp(min=tiny)
    return (4 * n_T / largest_T)[:, None, None], (n_T / (4 * text_T))[:, None]
