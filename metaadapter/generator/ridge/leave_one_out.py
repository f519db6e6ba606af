"""Leave-one-out predictions of the untrained closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from metaadapter.adapter.known import doubt_of
from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.known_scalars import Likeness, likeness
from metaadapter.generator.network_share import MOST_WAYS, share_of_ways, usual_shots
from metaadapter.generator.ridge.dual_ridge import dual_ridge, left_out_residuals
from metaadapter.generator.ridge.linear_ridge import (
    LeftOutScores,
    NormalEquations,
    left_out_scores,
    normal_equations,
)
from metaadapter.generator.ridge.regression import Regression
from metaadapter.generator.ridge.temperature import log_likelihood, posterior_scale

# With less noise than this, a Cholesky factorisation in single precision would fail.
LEAST_NOISE = 1e-3
LEAST_FIT = 1e-6
KEPT_NUMBERS = 2**26
"""So many left-out scores are kept for a second reading; more are computed again."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Predictions for R places for pictures of T tasks, each by a fit to the other pictures.

    The places are the M of small tasks or the X of large ones.
    """

    own_log_p_TR: Float[Tensor, "T R"]
    """The log-probability of the class that the picture is labelled with."""
    correct_TR: Float[Tensor, "T R"]
    """1 if that class is the most probable; 1/n if n classes are equally probable."""
    counts_TR: Bool[Tensor, "T R"]
    """True if the picture's class has other pictures; without them, only its name is left."""
    weight_TR: Float[Tensor, "T R"]
    """1 divided by the pictures of the class; 0 for pictures that do not count."""
    scale_T: Float[Tensor, " T"]
    """The inverse temperature that fits these predictions; the base where no picture counts."""
    base_scale_T: Float[Tensor, " T"]
    """The inverse temperature before these predictions are seen."""
    ridge: NormalEquations | None
    """The ridge of large tasks without corrections; `None` for small tasks."""
    of_known: KnownEvidence | None
    """The evidence for the known head; `None` if it is not predicted."""


class KnownEvidence(NamedTuple):
    """The likeness and doubt of left-out pictures."""

    likeness: Likeness
    like_TR: Float[Tensor, "T R"]
    """The mean likeness to the classes, weighted by their probabilities."""
    doubt_TR: Float[Tensor, "T R"]


def leave_one_out(problem: Regression, *, with_known: bool = True) -> LeftOut:
    """Predict each picture by the closed form of the others, and fit the temperature to this.

    With `with_known` also return what the known head needs.
    """
    n_shot_TN = problem.support.n_shot_TN
    # A class with many pictures must not decide the temperature of the others.
    weight_TN = (usual_shots(n_shot_TN)[:, None] / n_shot_TN.clamp(min=1)).clamp(max=1)
    weight_TN = weight_TN * (n_shot_TN > 1)
    ridge = None
    if problem.is_large:
        ridge = normal_equations(problem.support.shots_TNKD, problem.noise_TX())
    base_T, parts = _base_scale_T(problem, ridge), _parts(problem, ridge)

    def likelihood(steps_S: Float[Tensor, " S"]) -> Float[Tensor, "T S"]:
        scale_TS = base_T[:, None] * steps_S.exp()
        total_TS = torch.zeros_like(scale_TS)
        for part in parts():
            weight_TR = weight_TN.gather(1, part.own_TR) * part.present_TR
            scores_TRN = part.scores_TRN
            total_TS += log_likelihood(scores_TRN, part.own_TR, weight_TR, scale_TS.to(scores_TRN))
        return total_TS

    scale_T = posterior_scale(likelihood, base_T, is_large=problem.is_large)
    like = likeness(problem.support.raw) if with_known else None
    summaries = [_summary(n_shot_TN, like, part, scale_T) for part in parts()]
    own_log_p, correct, counts, weight, *of_like = (
        torch.cat(values, 1) for values in zip(*summaries, strict=True)
    )
    of_known = None if like is None else KnownEvidence(like, *of_like)
    return LeftOut(own_log_p, correct, counts, weight, scale_T, base_T, ridge, of_known)


def _parts(
    problem: Regression, ridge: NormalEquations | None
) -> Callable[[], Iterable[LeftOutScores]]:
    """Return a function that yields all parts; those of very large tasks are computed each time."""
    support = problem.support
    if ridge is None or not (support.n_shot_TN > 1).any():  # then no picture of a large task counts
        small = [_weakened(problem, _small_part(problem))]
        return lambda: small

    def parts() -> Iterable[LeftOutScores]:
        return (_weakened(problem, part) for part in left_out_scores(problem, ridge))

    if support.shot_mask_TNK.numel() * support.raw.n_way > KEPT_NUMBERS:
        return parts
    kept = list(parts())
    return lambda: kept


def _base_scale_T(problem: Regression, ridge: NormalEquations | None) -> Float[Tensor, " T"]:
    """Return the inverse temperature before any evidence: the constant / `fitted_own_T`.

    The power of `fitted_own_T` is 1 − `share_of_ways`.
    """
    base_T = problem.base_scale_T
    if problem.support.raw.n_way <= MOST_WAYS:
        return base_T
    power_T = 1 - share_of_ways(problem.support.raw.class_mask_TN).to(base_T)
    if not power_T.any():
        return base_T
    return base_T / fitted_own_T(problem, ridge).clamp(min=LEAST_FIT).pow(power_T).to(base_T)


def fitted_own_T(problem: Regression, ridge: NormalEquations | None) -> Float[Tensor, " T"]:
    """Return the mean score that a regression without texts gives labelled pictures for their own.

    It is the mean over classes with pictures of the mean over their pictures: 1 with many pictures
    of few classes. It falls with the number of classes, and the scores of new pictures fall too.
    """
    support = problem.support
    if ridge is None:
        vectors_TND = problem.vectors_TND(problem.targets_TMN, problem.noise_TX())
    else:
        vectors_TND = ridge.vectors_TND(None)
    fitted_TN = (support.means_TND.to(vectors_TND) * vectors_TND).sum(-1)
    return fitted_TN.sum(-1) / support.image_mask_TN.sum(-1).clamp(min=1)


def small_scores(problem: Regression) -> Float[Tensor, "T M N"]:
    """Return the left-out scores of the pictures at the M places."""
    dtype, prior_TND = problem.support.shots_TNKD.dtype, problem.prior_TND()
    constants, noise_TM = problem.constants, problem.take(problem.noise_TX())
    values_and_factor = dual_ridge(
        problem.gram_TMM.to(dtype) + constants.intercept,
        problem.present_TM,
        problem.residual_TMN(prior_TND).to(dtype),
        (constants.left_out_noise * noise_TM).to(dtype).clamp(min=LEAST_NOISE),
    )
    scores_TMN = problem.targets_TMN.to(dtype) - left_out_residuals(*values_and_factor)
    return scores_TMN + problem.above_other_names(problem.predicted_TMN(prior_TND)).to(dtype)


def _small_part(problem: Regression) -> LeftOutScores:
    rows_TMD = problem.rows_of(problem.support.raw.rows_TMD)
    return LeftOutScores(rows_TMD, problem.own_TM, problem.present_TM, small_scores(problem))


def _weakened(problem: Regression, part: LeftOutScores) -> LeftOutScores:
    """Return scores as of new pictures, −∞ for classes that are masked out."""
    support = problem.support
    factor_T11 = weakening(support, problem.constants.weakening)[:, None, None]
    scores_TRN = factor_T11 * part.scores_TRN
    if not support.raw.class_mask_TN.all():
        scores_TRN = scores_TRN.masked_fill(~support.raw.class_mask_TN[:, None], -torch.inf)
    return part._replace(scores_TRN=scores_TRN)


def _summary(
    n_shot_TN: Float[Tensor, "T N"],
    like: Likeness | None,
    part: LeftOutScores,
    scale_T: Float[Tensor, " T"],
) -> tuple[Tensor, ...]:
    """Return the first fields of `LeftOut` for the places of a part, then likeness and doubt."""
    log_p_TRN = (scale_T.to(part.scores_TRN)[:, None, None] * part.scores_TRN).log_softmax(-1)
    own_log_p_TR, correct_TR = own_and_correct(log_p_TRN, part.own_TR)
    n_own_TR = n_shot_TN.gather(1, part.own_TR)
    counts_TR = part.present_TR & (n_own_TR > 1)
    fields = (
        torch.where(part.present_TR, own_log_p_TR, 0.0),
        torch.where(part.present_TR, correct_TR, 0.0),
        counts_TR,
        counts_TR / n_own_TR.clamp(min=1),
    )
    if like is None:
        return fields
    return *fields, *like_and_doubt(like, part.rows_TRD, part.own_TR, log_p_TRN)


def own_and_correct(
    values_TRN: Float[Tensor, "T R N"], own_TR: Int[Tensor, "T R"]
) -> tuple[Float[Tensor, "T R"], Float[Tensor, "T R"]]:
    """Return the values of the own classes, and 1 if they are largest; 1/n if n are equally large.

    They are those of log-probabilities or other scores.
    """
    own_value_TR = values_TRN.gather(-1, own_TR[..., None])[..., 0]
    best_TR1 = values_TRN.amax(-1, keepdim=True)
    n_best_TR = (values_TRN == best_TR1).sum(-1).clamp(min=1)
    return own_value_TR, ((own_value_TR == best_TR1[..., 0]) / n_best_TR).to(own_value_TR)


def like_and_doubt(
    like: Likeness,
    rows_TRD: Float[Tensor, "T R D"],
    own_TR: Int[Tensor, "T R"],
    log_p_TRN: Float[Tensor, "T R N"],
) -> tuple[Float[Tensor, "T R"], Float[Tensor, "T R"]]:
    """Return likeness and doubt of pictures that are predicted without themselves."""
    n_way_T1 = like.raw.class_mask_TN.sum(-1, keepdim=True)
    like_TRN = like.of_left_out(rows_TRD, own_TR).to(log_p_TRN)
    return (log_p_TRN.exp() * like_TRN).sum(-1), doubt_of(log_p_TRN, n_way_T1)


def weakening(canonical: CanonicalSupport, power: float) -> Float[Tensor, " T"]:
    """Return (1 − 1/K)^power, the factor on left-out scores, whose class lacks one of K shots."""
    several_TN = canonical.n_shot_TN > 1
    total_T = (canonical.n_shot_TN * several_TN).sum(-1)
    n_shot_T = (total_T / several_TN.sum(-1).clamp(min=1)).clamp(min=2)
    return (1 - 1 / n_shot_T) ** power
