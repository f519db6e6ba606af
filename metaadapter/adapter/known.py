"""Whether a picture shows any of an adapter's classes at all, and which ones it may show."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.weights import AdapterWeights, KnownHead, classify
from metaadapter.errors import UsageError

KEPT = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
"""The fractions of known pictures that lie above the quantiles of an adapter, in their order."""


def likeness_and_doubt(
    features: Float[Tensor, "*T n D"],
    logits: Float[Tensor, "*T n N"],
    likeness: Float[Tensor, "*T N D"],
    likeness_bias: Float[Tensor, "*T N"],
) -> tuple[Float[Tensor, "*T n"], Float[Tensor, "*T n"]]:
    """How like its classes a picture is, and how much in doubt the answer: what tells known ones.

    With p the answer, likeness is Σ_c p_c (⟨x, l_c⟩ + b_c), and doubt the entropy of p over that of
    guessing, 0 … 1.
    """
    log_p = logits.log_softmax(-1)
    p = log_p.exp()
    like = (p * (features @ likeness.mT + likeness_bias[..., None, :])).sum(-1)
    n_way = logits.isfinite().sum(-1).clamp(min=2)
    # A class that is ruled out has a probability of 0 and no finite logarithm.
    entropy = -(p * log_p.masked_fill(p == 0, 0.0)).sum(-1)
    return like, entropy / n_way.to(entropy.dtype).log()


def known_logits(
    features: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n"]:
    """The logit of the probability that unit rows show one of the classes; differentiable.

    Half of the pictures are taken to be of none of them.

    Raises:
        UsageError: The adapter cannot tell, for its generator gives it no such head.
    """
    _head(weights)  # told before anything is computed
    return known_of_answers(features, classify(features, weights), weights)


def known_of_answers(
    features: Float[Tensor, "*T n D"], logits: Float[Tensor, "*T n N"], weights: AdapterWeights
) -> Float[Tensor, "*T n"]:
    """`known_logits` of unit rows whose logits are there already, as `classify` gives them."""
    head = _head(weights)
    like, doubt = likeness_and_doubt(features, logits, head.likeness, head.likeness_bias)
    on_likeness, on_doubt, constant = head.known[..., None, :].unbind(-1)
    return on_likeness * like + on_doubt * doubt + constant


def known_probabilities(
    features: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n"]:
    """The probability, in float64, that rows show one of the classes; see `known_logits`."""
    exact = weights.to(dtype=torch.float64)
    return known_logits(normalize(features.double(), dim=-1), exact).sigmoid()


def known_threshold(weights: AdapterWeights, keep: float | None = None) -> Float[Tensor, "*T"]:
    """The probability of being known below which a picture is answered to be unknown.

    Args:
        weights: The adapter.
        keep: The fraction of pictures of its classes that are to lie above, 0.5 … 0.99; if `None`
            the adapter's own `reject_threshold`, which is that of 0.95.

    Raises:
        UsageError: The adapter has no such head, or the fraction is out of range.
    """
    head = _head(weights)
    if keep is None:
        return head.reject_threshold
    return _quantile(head.known_quantiles, keep, "keep").sigmoid()


def prediction_sets(
    probabilities: Float[Tensor, "*T n N"], weights: AdapterWeights, coverage: float
) -> Bool[Tensor, "*T n N"]:
    """The classes that a picture may show: with the given chance its own class is among them.

    The classes of at least the probability that a fraction `coverage` of known pictures gives its
    own class (least ambiguous sets, Sadinle, Lei and Wasserman 2019), the most probable always.

    Raises:
        UsageError: The adapter has no such head, or the coverage is not within 0.5 … 0.99.
    """
    least = _quantile(_head(weights).own_quantiles, coverage, "coverage").exp()[..., None, None]
    best = probabilities == probabilities.amax(-1, keepdim=True)
    return (probabilities >= least) | best


def require_fraction(fraction: float, name: str) -> None:
    """Check a fraction of known pictures; `name` is what its user calls it.

    Raises:
        UsageError: It is beyond the quantiles that an adapter has.
    """
    if not KEPT[0] <= fraction <= KEPT[-1]:
        raise UsageError(f"{name} must be within {KEPT[0]} to {KEPT[-1]}, got {fraction}")


def _head(weights: AdapterWeights) -> KnownHead:
    if weights.known_head is None:
        raise UsageError(
            "this adapter cannot tell what is unknown: it was made by an older version or by a "
            "generator of your own; adapt again with the generator that ships"
        )
    return weights.known_head


def _quantile(quantiles: Float[Tensor, "*T G"], fraction: float, name: str) -> Float[Tensor, "*T"]:
    """Between the fractions of `KEPT` along the logarithm of the odds."""
    require_fraction(fraction, name)
    odds = torch.tensor(KEPT, dtype=torch.float64).logit()
    wanted = torch.tensor(fraction, dtype=torch.float64).logit()
    upper = min(int((odds < wanted).sum()), len(KEPT) - 1)
    lower = max(upper - 1, 0)
    if upper == lower:
        return quantiles[..., upper]
    share = float((wanted - odds[lower]) / (odds[upper] - odds[lower]))
    return (1 - share) * quantiles[..., lower] + share * quantiles[..., upper]
