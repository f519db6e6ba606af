from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from metaadapter.baselines.unknown.of_answers import energy, msp


def test_msp__is_the_largest_probability(asked):
    expected = softmax(asked.logits_TQN.numpy(), axis=-1).max(-1)

    assert msp(asked).numpy() == pytest.approx(expected)


def test_energy__is_what_scipy_has(asked):
    expected = logsumexp(asked.logits_TQN.numpy(), axis=-1)

    assert energy(asked).numpy() == pytest.approx(expected)


def test_msp__answers_shifted__stay_and_energy_moves_along(asked):
    from dataclasses import replace

    shifted = replace(asked, logits_TQN=asked.logits_TQN + 3)

    assert np.allclose(msp(shifted), msp(asked))
    assert np.allclose(energy(shifted), energy(asked) + 3)
