from __future__ import annotations

import numpy as np
import pytest

from metaadapter.evaluation.calibration import bin_numbers, calibration_error


def test_calibration_error__two_bins__is_worked_by_hand():
    confidence = np.array([0.9, 0.92, 0.3, 0.31])
    right = np.array([True, False, True, False])

    # Bin 13 has 1.82 of confidence and one right answer, bin 4 has 0.61 and one.
    assert calibration_error(confidence, right) == pytest.approx((0.82 + 0.39) / 4)


def test_bin_numbers__certainty__is_in_the_last_bin():
    assert bin_numbers(np.array([0.0, 1 / 15 - 1e-9, 1.0])).tolist() == [0, 0, 14]
