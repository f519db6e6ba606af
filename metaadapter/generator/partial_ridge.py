"""Kernel ridges of classes that share all but the noise of the labels that are known."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.linalg import cholesky, solve_triangular

from metaadapter.generator.regression import kernel_ridge


def partial_ridge(
    distance_NN: Float[Tensor, "n n"],
    wanted_NC: Float[Tensor, "n C"],
    known_NC: Bool[Tensor, "n C"],
    noise: float,
    unknown_noise: float,
    sharpness: Float[Tensor, ""],
) -> tuple[Float[Tensor, "n C"], Float[Tensor, "n C"]]:
    """Return the values of `kernel_ridge` for each class by itself, and its left-out residuals.

    A label has `noise` if it is known, else `unknown_noise`. With G the inverse of kernel and noise
    if all labels had the more frequent kind, the inverse for a class with labels S of the other
    kind is G ± G_S (I / δ ∓ G_SS)⁻¹ G_Sᵀ, where δ is the difference of the noises (Woodbury). Its
    middle matrix has a condition below `unknown_noise / noise`. With |S| = m this takes n m² steps,
    where a factorisation of its own takes n³. Classes with the same S share it.
    """
    mostly_known = bool(known_NC.double().mean() >= 0.5)
    usual = noise if mostly_known else unknown_noise
    values_TNC, factor_TNN = kernel_ridge(
        distance_NN[None],
        wanted_NC.new_ones(1, len(distance_NN), dtype=torch.bool),
        wanted_NC[None],
        wanted_NC.new_full((1, len(distance_NN)), usual),
        sharpness[None],
    )
    values_NC = values_TNC[0]
    inverse_NN = torch.cholesky_inverse(factor_TNN[0])
    diagonal_NC = inverse_NN.diagonal()[:, None].expand_as(values_NC).clone()
    sign, difference = -1 if mostly_known else 1, unknown_noise - noise
    other_NC = known_NC ^ mostly_known
    kinds_NK, kind_C = torch.unique(other_NC, dim=1, return_inverse=True)
    for kind, other_N in enumerate(kinds_NK.mT):
        if not other_N.any():
            continue
        among = kind_C == kind
        rows_SN = inverse_NN[other_N]
        middle_SS = -sign * rows_SN[:, other_N]
        middle_SS.diagonal().add_(1 / difference)
        factor_SS = cholesky(middle_SS)
        half_SN = solve_triangular(factor_SS, rows_SN, upper=False)
        half_SC = solve_triangular(factor_SS, values_NC[other_N][:, among], upper=False)
        values_NC[:, among] += sign * half_SN.mT @ half_SC
        diagonal_NC[:, among] += sign * half_SN.square().sum(0)[:, None]
    return values_NC, values_NC / diagonal_NC
