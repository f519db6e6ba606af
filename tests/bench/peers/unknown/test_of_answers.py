from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp, softmax

from metaadapter.bench.peers.unknown_scores import energy, msp


def test_msp__is_the_largest_probability_as_log_odds(asked):
    expected = softmax(asked.logits_TQN.numpy(), axis=-1).max(-1)

    assert expit(msp(asked).numpy()) == pytest.approx(expected)


def test_msp__answers_that_are_all_certain__still_have_an_order(asked):
    surer = replace(asked, logits_TQN=1000 * asked.logits_TQN)

    assert (surer.logits_TQN.softmax(-1).amax(-1) == 1).any()
    assert len(msp(surer).unique()) == 18


def test_msp__all_other_classes_ruled_out__is_finite_and_surest(asked):
    logits_TQN = asked.logits_TQN.clone()
    logits_TQN[0, 0, 1:] = -torch.inf

    result = msp(replace(asked, logits_TQN=logits_TQN))

    assert result.isfinite().all()
    assert result.argmax() == 0


def test_energy__is_what_scipy_has(asked):
    expected = logsumexp(asked.logits_TQN.numpy(), axis=-1)

    assert energy(asked).numpy() == pytest.approx(expected)


def test_msp__answers_shifted__stay_and_energy_moves_along(asked):
    from dataclasses import replace

    shifted = replace(asked, logits_TQN=asked.logits_TQN + 3)

    assert np.allclose(msp(shifted), msp(asked))
    assert np.allclose(energy(shifted), energy(asked) + 3)
