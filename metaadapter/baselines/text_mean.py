"""The text and the mean picture of a class, added: the simplest head that reads both."""

from __future__ import annotations

from torch.nn.functional import normalize

from metaadapter.adapter import AdapterWeights, Support

__all__ = ["text_mean"]


def text_mean(support: Support) -> AdapterWeights:
    """Logits s · cos(x, t_c + μ_c), μ_c the mean picture."""
    return support.head(normalize(support.text_TND + support.means_TND, dim=-1))
