from __future__ import annotations

import math

import pytest
import torch

from metaadapter.labs.tuning.left_out_choice import choose, left_out_parts

LABELS = torch.tensor([0, 1, 0, 1])


def said(*probabilities):
    """Logits of pictures whose own class has these probabilities."""
    own = torch.tensor(probabilities)
    rows = torch.stack([own, 1 - own], 1).log()
    return torch.where(LABELS[:, None] == 0, rows, rows.flip(1))


def test_the_strength_with_the_least_log_loss_is_taken():
    result = choose({0.0: said(*[0.5] * 4), 0.5: said(*[0.8] * 4), 1.0: said(*[0.7] * 4)}, LABELS)
    assert result.strength == 0.5
    assert result.n_pictures == 4
    assert result.accuracies == {0.0: 1.0 / 2, 0.5: 1.0, 1.0: 1.0}
    assert math.isclose(result.log_losses[0.5], -math.log(0.8), rel_tol=1e-6)


def test_answers_that_are_too_sure_are_told_at_the_temperature_that_suits_them():
    too_sure = said(0.99, 0.99, 0.99, 0.05)

    def log_loss(temperature):
        return float(torch.nn.functional.cross_entropy(too_sure / temperature, LABELS))

    result = choose({0.0: said(*[0.1] * 4), 1.0: too_sure}, LABELS)

    assert (result.strength, result.calibration.temperature) == (1.0, 2.0)
    assert math.isclose(result.log_losses[1.0], log_loss(2.0), rel_tol=1e-5)
    assert log_loss(2.0) < log_loss(1.5) < log_loss(1.0)


def test_the_tower_as_it_was_has_no_temperature():
    surer = said(*[0.999] * 4)
    result = choose({0.0: surer, 1.0: said(*[0.5] * 4)}, LABELS)
    assert (result.strength, result.calibration.temperature) == (0.0, 1.0)


@pytest.mark.parametrize("shares", [(0.6, 0.6, 0.6, 0.6), (0.99, 0.99, 0.99, 0.05)])
def test_of_equal_strengths_the_smaller_is_taken_also_where_all_are_too_sure(shares):
    same = said(*shares)
    result = choose({1.0: same, 0.5: same, 0.0: same}, LABELS)
    assert (result.strength, result.calibration.temperature) == (0.0, 1.0)


def test_numbers_that_are_not_finite_change_nothing():
    logits = {0.0: said(*[0.5] * 4), 1.0: torch.full((4, 2), torch.nan)}
    assert choose(logits, LABELS).strength == 0.0


def test_as_many_quarters_are_left_out_as_it_takes_to_ask_eighty_pictures():
    def parts(n_ways, n_shots):
        return left_out_parts(torch.arange(n_ways).repeat_interleave(n_shots))

    assert [len(each) for each in parts(20, 16)] == [80]
    assert [len(each) for each in parts(10, 16)] == [40, 40]
    assert [len(each) for each in parts(10, 4)] == [10] * 4
    assert [len(each) for each in parts(10, 3)] == [10] * 3


def test_nobody_is_asked_where_nothing_is_learned_without_the_pictures_that_are_left_out():
    assert left_out_parts(torch.tensor([0, 0, 1, 1])) == []
    assert left_out_parts(torch.tensor([0, 1])) == []
    assert len(left_out_parts(torch.tensor([0, 0, 0, 1]))) == 3


def test_a_quarter_has_pictures_of_each_class_that_has_two():
    labels = torch.tensor([0, 1, 1, 2, 2, 2, 2, 2])
    asked = [labels[each].tolist() for each in left_out_parts(labels)]
    assert asked == [[1, 2, 2], [1, 2], [2], [2]]
