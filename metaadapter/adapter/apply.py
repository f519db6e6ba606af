"""What an adapter does to features: two pure functions."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.weights import AdapterWeights

__all__ = ["apply_adapter", "cache_logits", "class_logits", "classify", "probabilities"]


def apply_adapter(
    features: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n D"]:
    """Pass unit rows through the visual bottleneck; rows in and out have length 1.

    x' = normalise(x + visual_ratio · up ReLU(down (x − centre) + bias)), CLIP-Adapter (Gao et al.
    2021) without its outer ReLU. An adapter without a bottleneck gives the features back.
    """
    if weights.visual is None:
        return features
    centre, down, bias, up, visual_ratio = weights.visual
    hidden = ((features - centre[..., None, :]) @ down.mT + bias[..., None, :]).relu()
    moved = visual_ratio[..., None, None] * (hidden @ up.mT)
    return normalize(features + moved, dim=-1)


def classify(features: Float[Tensor, "*T n D"], weights: AdapterWeights) -> Float[Tensor, "*T n N"]:
    """Logits of unit rows; classes that a batch masks out have a bias of −∞."""
    adapted = apply_adapter(features, weights)
    return class_logits(adapted, weights) + cache_logits(adapted, weights)


def class_logits(
    adapted: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n N"]:
    """The logits that class vectors and biases give rows that have passed the bottleneck."""
    scale = weights.logit_scale[..., None, None]
    return scale * (adapted @ weights.classes.mT) + weights.class_bias[..., None, :]


def cache_logits(
    adapted: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n N"] | float:
    """The logits that the cache adds to these; 0 without a cache."""
    if weights.cache is None:
        return 0.0
    keys, values, alpha, beta = weights.cache
    affinity = (beta[..., None, :] * (adapted @ keys.mT - 1)).exp()
    return alpha[..., None, None] * (affinity @ values)


def probabilities(
    features: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n N"]:
    """Class probabilities in float64, so that a row gets the same in whichever batch it comes."""
    exact = weights.to(dtype=torch.float64)
    return classify(normalize(features.double(), dim=-1), exact).softmax(-1)
