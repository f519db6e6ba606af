"""The closed form for pictures that show several classes: one regression for each class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.labelled_rows import LabelledRows
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.generator.assembly import kernel_cache
from metaadapter.generator.block_weights import log_lengths, reweigh
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.closed_form import ClosedForm
from metaadapter.generator.label_calibration import calibrate_labels
from metaadapter.generator.network_share import usual_shots
from metaadapter.generator.partial_ridge import partial_ridge
from metaadapter.generator.regression import Regression, regression, squared_distances

TRUST = 0.5
"""The factor on the trust in texts: a picture of several classes matches the name of none fully.
It was chosen on composed pictures of two validation sets (docs/explanation/several-labels.md)."""
SHARP_SHOTS = 2.0
"""With more positives a class, the kernel becomes as much less sharp: the features of a picture of
several things are near the mean of theirs, which a linear regression takes apart."""
UNKNOWN_NOISE = 4.0
"""The noise of a label that is not known, in units of that of a known one: it is a weak no."""


@dataclass(frozen=True, slots=True)
class SeveralLabels:
    """The adapter of a task with several labels, and what it predicts for its own pictures."""

    weights: AdapterWeights
    left_out_NC: Float[Tensor, "n C"]
    """The probability of each class for each picture, by a regression on the other pictures."""


def several_labels(
    support: Support, labelled: LabelledRows, constants: ClosedForm | None = None
) -> SeveralLabels:
    """Predict an adapter whose classes are independent: p = σ(logit), in one forward pass.

    `support` is `labelled.by_class`. It gives the canonical coordinates z and the prior vectors w,
    as for one label. The score of class c is w_c · z + Σ_m a_mc k(z_m, z) + μ_c, where μ_c is the
    share of pictures that show it, and a solves the kernel ridge with targets 1 and 0. The scores
    of left-out pictures decide slopes, biases and thresholds; they are compared with the mean of
    the other pictures, as those of new pictures are with μ_c.

    Raises:
        DataError: There are too many pictures, or a class is in none.
    """
    labelled.require()
    problem = _problem(support.exact, constants or ClosedForm())
    canonical = problem.support
    rows_ND = labelled.rows_ND.to(canonical.shots_TNKD)
    centre_D, scale_D = canonical.image_centre_TD[0], canonical.scale_TD[0]
    z_ND = (rows_ND - centre_D) * scale_D
    prior_CD = TRUST * problem.prior_TND()[0]
    shows_NC = (labelled.shows_NC & labelled.known_NC).to(z_ND)
    weight_NC = torch.where(labelled.known_NC, 1.0, 1 / UNKNOWN_NOISE).to(z_ND)
    mean_C = (weight_NC * shows_NC).sum(0) / weight_NC.sum(0)
    usual_T = usual_shots(canonical.n_shot_TN).to(z_ND)
    sharpness_T = problem.sharpness_T() * (SHARP_SHOTS / usual_T).clamp(max=1)
    noise = problem.constants.ridge
    wanted_NC = shows_NC - mean_C - z_ND @ prior_CD.mT
    solved = partial_ridge(
        squared_distances(z_ND[None])[0],
        torch.cat([wanted_NC, torch.ones_like(wanted_NC)], 1),
        torch.cat([labelled.known_NC] * 2, 1),
        noise,
        UNKNOWN_NOISE * noise,
        sharpness_T[0],
    )
    values_NC, residual_NC = (part[:, : len(mean_C)] for part in solved)
    # The mean of the other pictures is lower by the fall. Their targets then grow by it, and the
    # left-out score by the fall times what they predict with all targets 1.
    constant_NC = 1 - solved[1][:, len(mean_C) :]
    others_NC = (weight_NC.sum(0) - weight_NC).clamp(min=1 / UNKNOWN_NOISE)
    fall_NC = weight_NC * (shows_NC - mean_C) / others_NC
    above_NC = shows_NC - mean_C - residual_NC + fall_NC * constant_NC
    calibration = calibrate_labels(above_NC, shows_NC > 0, weight_NC)
    slope, raw_CD = calibration.slope, prior_CD * scale_D
    cache = kernel_cache(
        rows_ND[None],
        scale_D[None],
        values_NC[None],
        sharpness_T,
        slope[None],
        rows_ND.new_ones(1, len(rows_ND), dtype=torch.bool),
    )
    bias_C = calibration.bias_C - slope * raw_CD @ centre_D
    weights = AdapterWeights(
        classes=raw_CD[None],
        class_bias=bias_C[None],
        logit_scale=slope[None],
        label_thresholds=calibration.threshold_C[None],
        **cache,
    )
    return SeveralLabels(weights.task(0), calibration.left_out_NC)


def _problem(support: Support, constants: ClosedForm) -> Regression:
    canonical = canonicalise(support)
    if len(support.blocks) > 1:
        canonical = reweigh(canonical, log_lengths(canonical))
    return regression(canonical, constants)
