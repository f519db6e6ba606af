"""Zero-shot CLIP (Radford et al., 2021): the texts alone."""

from __future__ import annotations

from metaadapter.adapter import AdapterWeights
from metaadapter.baselines.support import Support

__all__ = ["zero_shot"]


def zero_shot(support: Support, logit_scale: float) -> AdapterWeights:
    """Logits s · x · t_c."""
    return support.head(support.text_TND, logit_scale)
