"""Tip-Adapter (Zhang et al., 2022): a cache of the support beside the texts, not trained."""

from __future__ import annotations

from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights, Support

__all__ = ["tip_adapter"]

# The authors' defaults; their search of both on labelled pictures is left out.
ALPHA, BETA = 1.17, 1.0


def tip_adapter(support: Support) -> AdapterWeights:
    """Logits s · x · t_c + α Σ_{i∈c} exp(−β (1 − x · x_i))."""
    text_TND = support.text_TND
    return support.head(
        text_TND,
        keys=normalize(support.rows_TMD, dim=-1),
        values=support.targets_TMN,
        alpha=text_TND.new_full(text_TND.shape[:1], ALPHA),
        beta=text_TND.new_full(support.rows_TMD.shape[:2], BETA),
    )
