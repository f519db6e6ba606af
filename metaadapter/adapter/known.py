"""The known head: whether a picture shows one of the classes, and which classes it may show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from numbers import Real

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.weights import AdapterWeights, KnownHead, classify, probabilities
from metaadapter.data.label_sets import NO_LABEL
from metaadapter.errors import UsageError
from metaadapter.features.towers.config import Calibration

FRACTIONS = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
"""For each of an adapter's quantiles, the fraction of known pictures that exceed it."""


def likeness_and_doubt(
    features: Float[Tensor, "*T n D"],
    logits: Float[Tensor, "*T n N"],
    likeness: Float[Tensor, "*T N D"],
    likeness_bias: Float[Tensor, "*T N"],
) -> tuple[Float[Tensor, "*T n"], Float[Tensor, "*T n"]]:
    """Return the likeness Σ_c softmax(logits)_c (⟨x, likeness_c⟩ + bias_c), and the doubt."""
    log_p = logits.log_softmax(-1)
    like = (log_p.exp() * (features @ likeness.mT + likeness_bias[..., None, :])).sum(-1)
    return like, doubt_of(log_p, logits.isfinite().sum(-1))


def doubt_of(log_p: Float[Tensor, "*T n N"], n_way: Int[Tensor, "*#T #n"]) -> Float[Tensor, "*T n"]:
    """Return the entropy of the predictions divided by the entropy of a uniform guess."""
    p = log_p.exp()
    # A class that is masked out has a probability of 0 and no finite logarithm.
    entropy = -(p * log_p.masked_fill(p == 0, 0.0)).sum(-1)
    return entropy / n_way.clamp(min=2).to(entropy.dtype).log()


def known_logits(
    features: Float[Tensor, "*T n D"],
    weights: AdapterWeights,
    logits: Float[Tensor, "*T n N"] | None = None,
) -> Float[Tensor, "*T n"]:
    """Return the logits of known, for a test with equally many known and unknown pictures.

    `logits` is the result of `classify` for these rows, if the caller has it already.
    """
    head = _head(weights)
    if logits is None:
        logits = classify(features, weights)
    like, doubt = likeness_and_doubt(features, logits, head.likeness, head.likeness_bias)
    on_likeness, on_doubt, constant = head.known[..., None, :].unbind(-1)
    return on_likeness * like + on_doubt * doubt + constant


def known_probabilities(
    features: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n"]:
    """Return the probability that pictures are known, in float64; see `known_logits`."""
    exact = weights.to(dtype=torch.float64)
    return known_logits(normalize(features.double(), dim=-1), exact).sigmoid()


def place_of_none(classes: Iterable[object]) -> int | None:
    """Return the place of the class "none of these" among labels; `None` without it."""
    return next((place for place, label in enumerate(classes) if str(label) == NO_LABEL), None)


def known_and_unfamiliar(
    p: Float[Tensor, "*T n N"],
    known: Float[Tensor, "*T n"],
    threshold: Float[Tensor, ""],
    none: int | None,
) -> tuple[Float[Tensor, "*T n"], Bool[Tensor, "*T n"]]:
    """Return the probability that pictures show a class, and whether they are unfamiliar.

    Args:
        p: The probabilities of the classes.
        known: The probability that the known head gives, which counts "none of these" as a class.
        threshold: A picture below it is unfamiliar; see `known_threshold`.
        none: The place of the class "none of these"; a picture of it is unfamiliar.
    """
    if none is None:
        return known, known < threshold
    known = known * (1 - p[..., none])
    return known, (known < threshold) | (p.argmax(-1) == none)


def known_of_classes(
    features: Float[Tensor, "*T n D"],
    weights: AdapterWeights,
    classes: Iterable[object],
    keep: float | None = None,
) -> tuple[Float[Tensor, "*T n"], Bool[Tensor, "*T n"]]:
    """Return `known_and_unfamiliar`, in float64, for pictures and an adapter of these classes.

    Raises:
        UsageError: The adapter has no known head, or `keep` is out of range.
    """
    known = known_probabilities(features, weights)
    threshold = known_threshold(weights, keep).double()
    p = probabilities(features, weights)
    return known_and_unfamiliar(p, known, threshold, place_of_none(classes))


def known_threshold(weights: AdapterWeights, keep: float | None = None) -> Float[Tensor, "*T"]:
    """Return the probability of being known below which a picture is predicted as unknown.

    Args:
        weights: The adapter.
        keep: The fraction of known pictures that exceed the threshold, 0.5 … 0.99; by default the
            adapter's `reject_threshold`, whose fraction is 0.95.

    Raises:
        UsageError: The adapter has no known head, or the fraction is out of range.
    """
    head = _head(weights)
    if keep is None:
        return head.reject_threshold
    return _quantile(head.known_quantiles, keep, "keep").sigmoid()


def prediction_sets(
    probabilities: Float[Tensor, "*T n N"], weights: AdapterWeights, coverage: float
) -> Bool[Tensor, "*T n N"]:
    """Return the classes that each picture may show, at a stated coverage.

    A set has the most probable class, and all classes whose probability is at least a threshold,
    which the true class reaches in a fraction `coverage` of known pictures (least ambiguous sets,
    Sadinle, Lei and Wasserman 2019).

    Raises:
        UsageError: The adapter has no known head, or the coverage is outside 0.5 … 0.99.
    """
    least = _quantile(_head(weights).own_quantiles, coverage, "coverage").exp()[..., None, None]
    best = probabilities == probabilities.amax(-1, keepdim=True)
    return (probabilities >= least) | best


def require_fraction(fraction: float, name: str) -> None:
    """Raise `UsageError` unless a fraction is in the range of `FRACTIONS`; the error has `name`."""
    is_number = isinstance(fraction, Real)
    if not is_number or not FRACTIONS[0] <= fraction <= FRACTIONS[-1]:
        raise UsageError(
            f"{name} must be within {FRACTIONS[0]} to {FRACTIONS[-1]}, got {fraction!r}"
        )


def _head(weights: AdapterWeights) -> KnownHead:
    if weights.known_head is None:
        raise UsageError(
            "this adapter cannot tell what is unknown: it gives several labels, or a generator of "
            "your own made it; adapt again with one label and the default generator"
        )
    return weights.known_head


def _quantile(quantiles: Float[Tensor, "*T G"], fraction: float, name: str) -> Float[Tensor, "*T"]:
    """Return the quantile at a fraction, interpolated linearly in the logarithm of the odds."""
    require_fraction(fraction, name)
    odds = torch.tensor(FRACTIONS, dtype=torch.float64).logit()
    wanted = torch.tensor(fraction, dtype=torch.float64).logit()
    upper = min(int((odds < wanted).sum()), len(FRACTIONS) - 1)
    lower = max(upper - 1, 0)
    if upper == lower:
        return quantiles[..., upper]
    share = float((wanted - odds[lower]) / (odds[upper] - odds[lower]))
    return (1 - share) * quantiles[..., lower] + share * quantiles[..., upper]


def calibrated(weights: AdapterWeights, calibration: Calibration) -> AdapterWeights:
    """Return the adapter with its temperature and thresholds calibrated on left-out pictures."""
    return with_calibrated_head(weights.tempered(calibration.temperature), calibration)


def with_calibrated_head(weights: AdapterWeights, calibration: Calibration) -> AdapterWeights:
    """Return the adapter with corrected thresholds for known and for sets; the rest stays."""
    head = weights.known_head
    if head is None:
        return weights
    known_quantiles = head.known_quantiles + calibration.known_shift
    return replace(
        weights,
        known_quantiles=known_quantiles,
        own_quantiles=head.own_quantiles * calibration.own_scale,
        reject_threshold=known_quantiles[..., FRACTIONS.index(0.95)].sigmoid(),
    )
