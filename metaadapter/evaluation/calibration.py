"""How far confidence is from accuracy (expected calibration error, Naeini et al., 2015)."""

from __future__ import annotations

import numpy as np

__all__ = ["N_BINS", "bin_numbers", "calibration_error"]

N_BINS = 15


def bin_numbers(confidence: np.ndarray) -> np.ndarray:
    """Bin of each confidence, 0 … 14, all of equal width."""
    numbers: np.ndarray = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    return numbers


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Mean distance of confidence and accuracy over bins of equal width, weighted by count.

    Args:
        confidence: (n,) largest probability of each answer.
        right: (n,) whether the answer is right.
    """
    gaps = np.bincount(bin_numbers(confidence), weights=confidence - right, minlength=N_BINS)
    return float(np.abs(gaps).sum() / len(right))
