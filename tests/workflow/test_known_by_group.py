from __future__ import annotations

import numpy as np
import pytest

from metaadapter.adapter.known import known_probabilities, known_threshold
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.workflow.fit_adapter import first_of_groups, fit_support
from metaadapter.workflow.labelled_support import labelled_support

CLASSES = ["fox", "lynx", "deer"]
WIDTH = 64


@pytest.fixture(scope="module")
def frames():
    """Features of two series of four frames for each class, and of one frame of 40 new series."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, WIDTH))

    def series(n, length):
        scenes = centres[:, None] + rng.normal(size=(3, n, WIDTH))
        noise = 0.05 * rng.normal(size=(3, n, length, WIDTH))
        return (scenes[:, :, None] + noise).reshape(-1, WIDTH).astype(np.float32)

    labels = np.repeat(CLASSES, 8).tolist()
    groups = [f"{label} {number // 4 % 2}" for number, label in enumerate(labels)]
    texts = dict(zip(CLASSES, centres.astype(np.float32), strict=True))
    support = labelled_support(series(2, 4), labels, CLASSES, texts, None, logit_scale=100.0)
    return support, groups, unit_rows(series(40, 1))


def kept(frames, groups):
    support, _, new = frames
    stored = fit_support(support, CLASSES, names=None, logit_scale=100.0, groups=groups)
    weights = stored.weights
    return float(
        (known_probabilities(new.double(), weights) >= known_threshold(weights, 0.95))
        .double()
        .mean()
    )


def test_known__of_labelled_series__keeps_the_frames_of_new_series(frames):
    assert kept(frames, frames[1]) > 0.92
    assert kept(frames, ()) < 0.5


def test_first_of_groups__is_the_first_row_of_each_series_and_class(frames):
    support, groups, _ = frames

    first = first_of_groups(support, groups)

    assert first.present_TNK[0].tolist() == [[True, False, False, False] * 2] * 3


def test_first_of_groups__without_series_or_with_a_pool__is_not_needed(frames):
    support, groups, new = frames

    assert first_of_groups(support, [""] * 24) is None
    assert first_of_groups(support, [str(number) for number in range(24)]) is None
    assert first_of_groups(support.with_pool(new), groups) is None
