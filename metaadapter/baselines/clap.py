"""CLAP (Silva-Rodríguez et al., 2024): ZS-LP held to the texts that the pictures agree with."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter import AdapterWeights, Support
from metaadapter.baselines.zs_lp import probe_from_texts

__all__ = ["clap"]


def clap(support: Support) -> AdapterWeights:
    """ZS-LP whose loss has the penalty mean_c λ_c ‖w_c − t_c‖².

    λ_c is set once: the mean probability that zero-shot CLIP gives class c on its own pictures. It
    is 1 for a class without a picture, for nothing speaks against its text, and 0 for one without
    a text.
    """
    start_TND = support.start_TND
    weight_TN = _text_trust(support) / support.class_mask_TN.sum(-1, keepdim=True)

    def penalty_T(classes_TND: Tensor) -> Tensor:
        return (weight_TN * (classes_TND - start_TND).square().sum(-1)).sum(-1)

    return probe_from_texts(support, penalty_T)


def _text_trust(support: Support) -> Float[Tensor, "T N"]:
    """λ_c; 0 for a class that is not there. A class without a text has no part in the softmax."""
    named_TN = support.text_TND.any(-1) & support.class_mask_TN
    logits_TMN = support.scale_T11 * support.rows_TMD @ support.text_TND.mT
    # Finite, so that a task without any text has no 0 / 0.
    p_TMN = logits_TMN.masked_fill(~named_TN[:, None], -1e9).softmax(-1)
    n_TN = support.present_TNK.sum(-1)
    own_TN = (p_TMN * support.targets_TMN).sum(1) / n_TN.clamp(min=1)
    return own_TN.masked_fill(n_TN == 0, 1.0) * named_TN
