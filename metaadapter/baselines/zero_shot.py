"""Zero-shot CLIP (Radford et al., 2021): the texts alone."""

from __future__ import annotations

from metaadapter.adapter import AdapterWeights, Support

__all__ = ["zero_shot"]


def zero_shot(support: Support) -> AdapterWeights:
    """Logits s · x · t_c."""
    return support.head(support.text_TND)
