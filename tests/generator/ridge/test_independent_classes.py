"""The closed form for several labels, against slow formulas and by its invariances."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit, logit

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify, probabilities
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.network_share import usual_shots
from metaadapter.generator.ridge.closed_form import ClosedForm
from metaadapter.generator.ridge.independent_classes import (
    BIAS_DEVIATION,
    COMMON_DEVIATION,
    NOISE_SHOTS,
    SHARPENING,
    SLOPE_DEVIATION,
    TRUST,
    USUAL_SLOPE,
    best_thresholds,
    calibrate_labels,
    independent_classes,
)
from metaadapter.generator.ridge.regression import regression
from tests.several_tasks import MixedPictures


def _support() -> Support:
    """The support of mixed pictures."""
    made = MixedPictures()
    return Support.of_rows(*map(torch.from_numpy, (made.rows, made.shows, made.texts)))


def _slow_scores(support: Support, x: np.ndarray, kept=slice(None)) -> np.ndarray:
    """Scores above the mean at x, by solving each class by itself for the pictures `kept`."""
    canonical = canonicalise(support.exact)
    rows, labels = (part.numpy() for part in support.pictures())
    constants = ClosedForm()
    problem = regression(canonical, constants)
    prior = TRUST * problem.prior_TND()[0].numpy()
    usual = float(usual_shots(canonical.n_shot_TN))
    noise = constants.ridge * min(1, NOISE_SHOTS / usual) ** 0.5
    centre, scale = canonical.image_centre_TD[0].numpy(), canonical.scale_TD[0].numpy()
    z, zx = ((a - centre) * scale for a in (rows[kept], x))

    columns = []
    for label in labels[kept].T:
        y, c = label.astype(float), len(columns)
        matrix = z @ z.T + constants.intercept + noise * np.eye(len(z))
        values = np.linalg.solve(matrix, y - y.mean() - z @ prior[c])
        columns.append(zx @ prior[c] + (zx @ z.T + constants.intercept) @ values)
    return np.stack(columns, 1)


def test_logits_are_slope_times_the_score_of_each_class_alone_plus_a_bias() -> None:
    support = _support()
    weights = independent_classes(support, ClosedForm()).weights.task(0)
    x = MixedPictures(seed=5).rows
    logits = classify(torch.from_numpy(x), weights).numpy()
    scores = _slow_scores(support, x)
    slope = float(weights.logit_scale)
    offset = logits - slope * scores
    np.testing.assert_allclose(offset, np.broadcast_to(offset[:1], offset.shape), atol=1e-9)
    np.testing.assert_allclose(
        probabilities(torch.from_numpy(x), weights).numpy(), expit(logits), atol=1e-12
    )


def test_left_out_predictions_are_those_of_a_solution_without_the_picture() -> None:
    """Also the mean that a score is compared with is that of the other pictures."""
    support = _support()
    predicted = independent_classes(support, ClosedForm())
    rows, shows = (part.numpy() for part in support.pictures())
    n = np.arange(len(rows))
    above = np.concatenate([_slow_scores(support, rows[[m]], n != m) for m in n])
    fitted = calibrate_labels(torch.from_numpy(above), torch.from_numpy(shows))
    torch.testing.assert_close(predicted.left_out_NC, fitted.left_out_NC, atol=1e-8, rtol=0)
    torch.testing.assert_close(predicted.weights.label_thresholds[0], fitted.threshold_C)


def test_the_order_of_pictures_and_classes_and_a_rotation_change_nothing() -> None:
    support, x = _support(), torch.from_numpy(MixedPictures(seed=5).rows)
    wanted = probabilities(x, independent_classes(support, ClosedForm()).weights.task(0))
    rng, (rows, labels), (text,) = np.random.default_rng(0), support.pictures(), support.text_TND
    pictures = torch.from_numpy(rng.permutation(len(rows)))
    classes = torch.from_numpy(rng.permutation(len(text)))
    turn = torch.linalg.qr(torch.from_numpy(rng.normal(size=(24, 24))))[0]
    moved = Support.of_rows(
        rows[pictures] @ turn, labels[pictures][:, classes], text[classes] @ turn
    )
    got = probabilities(x @ turn, independent_classes(moved, ClosedForm()).weights.task(0))
    torch.testing.assert_close(got, wanted[:, classes], atol=1e-8, rtol=0)


def test_a_task_without_texts_or_with_a_class_in_all_pictures_has_probabilities() -> None:
    rows, labels = _support().pictures()
    labels[:, 0] = True
    support = Support.of_rows(rows, labels, torch.zeros(4, rows.shape[1], dtype=rows.dtype))
    p = probabilities(rows, independent_classes(support, ClosedForm()).weights.task(0))
    assert p.isfinite().all()
    assert p[:, 0].min() > 0.5


def test_the_calibration_is_the_maximum_that_scipy_finds() -> None:
    rng = np.random.default_rng(0)
    shows = rng.random((60, 3)) < 0.3
    above = 0.4 * shows - 0.1 + 0.3 * rng.normal(size=shows.shape)
    odds = logit((shows.sum(0) + 0.5) / (len(shows) + 1))
    deviation = np.array([SLOPE_DEVIATION, COMMON_DEVIATION])
    deviation = np.append(deviation, np.full(3, BIAS_DEVIATION))
    mean = np.array([USUAL_SLOPE, 0, 0, 0, 0])

    def loss(found: np.ndarray) -> float:
        logits = found[0] * above + odds + found[1] + found[2:]
        fit = np.logaddexp(0, np.where(shows, -logits, logits)).sum()
        return float(fit + (((found - mean) / deviation) ** 2).sum() / 2)

    slope = minimize(loss, mean, method="BFGS", options={"gtol": 1e-8}).x[0]
    slope *= np.exp(SHARPENING * (1 / shows.sum(0)).mean())
    rest = minimize(lambda found: loss(np.append(slope, found)), mean[1:], options={"gtol": 1e-8}).x
    got = calibrate_labels(torch.from_numpy(above), torch.from_numpy(shows))
    assert float(got.slope) == pytest.approx(slope, rel=1e-4)
    wanted = expit(slope * above + odds + rest[0] + rest[1:])
    np.testing.assert_allclose(got.left_out_NC.numpy(), wanted, atol=1e-4)


def test_a_threshold_maximises_the_expected_f1() -> None:
    p = torch.from_numpy(np.random.default_rng(0).beta(0.5, 2, size=(50, 1)))
    (threshold,) = best_thresholds(p, torch.tensor([1e9]))

    def expected(cut: float) -> float:
        answered = p >= cut
        return float(2 * p[answered].sum() / (answered.sum() + p.sum()))

    assert expected(float(threshold)) == pytest.approx(max(expected(float(cut)) for cut in p))
