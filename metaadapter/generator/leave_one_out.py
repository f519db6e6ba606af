"""Leave-one-out predictions of the untrained closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.known import doubt_of
from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.known_scalars import Likeness, likeness
from metaadapter.generator.linear_ridge import left_out_scores, ridge_of
from metaadapter.generator.network_share import MOST_WAYS, share_of_ways, usual_shots
from metaadapter.generator.regression import Regression, kernel_ridge, left_out_residuals
from metaadapter.generator.temperature import grid_S, log_likelihood, posterior_scale

# With less noise than this, a Cholesky factorisation in single precision would fail.
LEAST_NOISE = 1e-3
LEAST_FIT = 1e-6


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Predictions for R places for pictures of T tasks, each by a fit to the other pictures.

    The places are the M of small tasks, then the X of tasks with too many pictures for a kernel.
    """

    own_log_p_TR: Float[Tensor, "T R"]
    """The log-probability of the class that the picture is labelled with."""
    correct_TR: Float[Tensor, "T R"]
    """1 if that class is the most probable; 1/n if n classes are equally probable."""
    like_TR: Float[Tensor, "T R"]
    """The mean likeness to the classes, weighted by their probabilities."""
    doubt_TR: Float[Tensor, "T R"]
    counts_TR: Bool[Tensor, "T R"]
    """True if the picture's class has other pictures; without them, only its name is left."""
    weight_TR: Float[Tensor, "T R"]
    """1 divided by the pictures of the class; 0 for pictures that do not count."""
    scale_T: Float[Tensor, " T"]
    """The inverse temperature that fits these predictions; the base where no picture counts."""
    base_scale_T: Float[Tensor, " T"]
    """The inverse temperature before these predictions are seen."""
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class _Part:
    """The left-out scores of some places."""

    rows_TRD: Float[Tensor, "T R D"]
    scores_TRN: Float[Tensor, "T R N"]
    """−∞ for classes that are masked out."""
    is_own_TRN: Bool[Tensor, "T R N"]
    counts_TR: Bool[Tensor, "T R"]
    weight_TR: Float[Tensor, "T R"]
    """The weight in the likelihood: 0 if a picture does not count, less than 1 in large classes."""


def _likelihood(part: _Part, base_T: Tensor, steps_S: Tensor) -> Float[Tensor, "T S"]:
    return log_likelihood(part.scores_TRN, part.is_own_TRN, part.weight_TR, base_T, steps_S)


def leave_one_out(problem: Regression) -> LeftOut:
    """Predict each picture by the closed form of the others, and fit the temperature to this."""
    base_T, kernel = _base_scale_T(problem), _kernel_part(problem)
    is_large_T = problem.is_large_T
    steps_S = grid_S(base_T, problem.has_large)
    likelihood_TS = _likelihood(kernel, base_T, steps_S)
    for part in _linear_parts(problem):
        likelihood_TS = likelihood_TS + _likelihood(part, base_T, steps_S)
    scale_T = posterior_scale(likelihood_TS, base_T, steps_S, is_large_T)
    like = likeness(problem.support.raw)
    # A second pass over large tasks needs less memory than keeping all their predictions.
    summaries = [_summary(problem, like, kernel, scale_T)]
    summaries += [_summary(problem, like, part, scale_T) for part in _linear_parts(problem)]
    own_log_p, correct, alike, doubt, counts, weight = (
        torch.cat(values, 1) for values in zip(*summaries, strict=True)
    )
    return LeftOut(own_log_p, correct, alike, doubt, counts, weight, scale_T, base_T, like)


def _base_scale_T(problem: Regression) -> Float[Tensor, " T"]:
    """Return the inverse temperature before any evidence: the constant / `fitted_own_T`.

    The power of `fitted_own_T` is 1 − `share_of_ways`.
    """
    base_T = problem.base_scale_T
    if problem.support.raw.n_way <= MOST_WAYS:
        return base_T
    power_T = 1 - share_of_ways(problem.support.raw.class_mask_TN).to(base_T)
    if not power_T.any():
        return base_T
    return base_T / fitted_own_T(problem).clamp(min=LEAST_FIT).pow(power_T).to(base_T)


def fitted_own_T(problem: Regression) -> Float[Tensor, " T"]:
    """Return the mean score that a regression without texts gives labelled pictures for their own.

    It is the mean over classes with pictures of the mean over their pictures: 1 with many pictures
    of few classes. It falls with the number of classes, and the scores of new pictures fall too.
    """
    support = problem.support
    noise_TM = problem.take(problem.noise_TX())
    values_TMN, _ = kernel_ridge(
        problem.distance_TMM,
        problem.present_TM,
        problem.targets_TMN,
        noise_TM,
        problem.sharpness_T(),
    )
    fitted_TMN = (1 - noise_TM[..., None] * values_TMN) * problem.targets_TMN
    fitted_TN = fitted_TMN.sum(1) / support.n_shot_TN.clamp(min=1)
    if problem.has_large:
        no_prior_TND = torch.zeros_like(support.text_TND, dtype=noise_TM.dtype)
        vectors_TND = ridge_of(problem, problem.noise_TX(), no_prior_TND).vectors_TND
        linear_TN = (support.means_TND.to(vectors_TND) * vectors_TND).sum(-1)
        fitted_TN = torch.where(problem.is_large_T[:, None], linear_TN, fitted_TN)
    return fitted_TN.sum(-1) / support.image_mask_TN.sum(-1).clamp(min=1)


def kernel_scores(problem: Regression) -> Float[Tensor, "T M N"]:
    """Return the left-out scores of the pictures at the M places."""
    dtype, prior_TND = problem.support.shots_TNKD.dtype, problem.prior_TND()
    values_and_factor = kernel_ridge(
        problem.distance_TMM.to(dtype),
        problem.present_TM,
        problem.residual_TMN(prior_TND).to(dtype),
        problem.take(problem.noise_TX()).to(dtype).clamp(min=LEAST_NOISE),
        problem.sharpness_T().to(dtype),
    )
    scores_TMN = problem.targets_TMN.to(dtype) - left_out_residuals(*values_and_factor)
    return scores_TMN + problem.above_other_names(problem.predicted_TMN(prior_TND)).to(dtype)


def _kernel_part(problem: Regression) -> _Part:
    rows_TMD, is_own_TMN = problem.rows_of(problem.support.raw.rows_TMD), problem.targets_TMN > 0
    return _part(problem, rows_TMD, kernel_scores(problem), is_own_TMN)


def _linear_parts(problem: Regression) -> Iterator[_Part]:
    """Yield the parts of large tasks; nothing if no picture of these counts."""
    several_TN = problem.support.n_shot_TN > 1
    if not (problem.has_large and several_TN[problem.is_large_T].any()):
        return
    rows_TXD = problem.support.raw.rows_TMD
    for rows, scores_TRN, is_own_TRN in left_out_scores(problem):
        is_own_TRN = is_own_TRN & problem.is_large_T[:, None, None]
        yield _part(problem, rows_TXD[:, rows], scores_TRN, is_own_TRN)


def _part(problem: Regression, rows_TRD: Tensor, scores_TRN: Tensor, is_own_TRN: Tensor) -> _Part:
    support = problem.support
    counts_TR = (is_own_TRN & (support.n_shot_TN > 1)[:, None]).any(-1)
    scores_TRN = scores_TRN.masked_fill(~support.raw.class_mask_TN[:, None], -torch.inf)
    weakening_T = weakening(support, problem.constants.weakening)
    scores_TRN = weakening_T[:, None, None] * scores_TRN
    # A class with many pictures must not decide the temperature of the others.
    usual_T1 = usual_shots(support.n_shot_TN)[:, None]
    weight_TN = (usual_T1 / support.n_shot_TN.clamp(min=1)).clamp(max=1)
    weight_TR = torch.where(is_own_TRN, weight_TN[:, None], 0.0).sum(-1) * counts_TR
    return _Part(rows_TRD, scores_TRN, is_own_TRN, counts_TR, weight_TR)


def _summary(
    problem: Regression, like: Likeness, part: _Part, scale_T: Float[Tensor, " T"]
) -> tuple[Tensor, ...]:
    """Return the first fields of `LeftOut` for the places of a part."""
    log_p_TRN = (scale_T[:, None, None] * part.scores_TRN).log_softmax(-1)
    best_TRN = (log_p_TRN == log_p_TRN.max(-1, keepdim=True).values).to(log_p_TRN.dtype)
    best_TRN = best_TRN / best_TRN.sum(-1, keepdim=True)
    n_shot_TN = problem.support.n_shot_TN
    n_own_TR = torch.where(part.is_own_TRN, n_shot_TN[:, None], 0.0).sum(-1).clamp(min=1)
    return (
        torch.where(part.is_own_TRN, log_p_TRN, 0.0).sum(-1),
        torch.where(part.is_own_TRN, best_TRN, 0.0).sum(-1),
        *like_and_doubt(like, part.rows_TRD, part.is_own_TRN, log_p_TRN),
        part.counts_TR,
        part.counts_TR / n_own_TR,
    )


def like_and_doubt(
    like: Likeness,
    rows_TRD: Float[Tensor, "T R D"],
    is_own_TRN: Bool[Tensor, "T R N"],
    log_p_TRN: Float[Tensor, "T R N"],
) -> tuple[Float[Tensor, "T R"], Float[Tensor, "T R"]]:
    """Return likeness and doubt of pictures that are predicted without themselves."""
    like_TRN = like.of_left_out(rows_TRD, is_own_TRN).to(log_p_TRN)
    n_way_T1 = like.raw.class_mask_TN.sum(-1, keepdim=True)
    return (log_p_TRN.exp() * like_TRN).sum(-1), doubt_of(log_p_TRN, n_way_T1)


def weakening(support: CanonicalSupport, power: float) -> Float[Tensor, " T"]:
    """Return (1 − 1/K)^power, the factor on left-out scores, whose class lacks one of K shots."""
    several_TN = support.n_shot_TN > 1
    total_T = (support.n_shot_TN * several_TN).sum(-1)
    n_shot_T = (total_T / several_TN.sum(-1).clamp(min=1)).clamp(min=2)
    return (1 - 1 / n_shot_T) ** power
